import { lineChart } from '../harness/chart';

/** Promises each form's rate, round by round. */
export function roundsChart(
  contenders: { name: string; messages: number; perSecondByRound: number[] }[],
  concurrency: number,
): string {
  const [{ messages, perSecondByRound }] = contenders as [(typeof contenders)[0]];
  return lineChart(
    {
      title: 'Messages posted a second, by the form of the call',
      subtitle: `${messages / perSecondByRound.length} calls a round, ${concurrency} at a time, the forms in turns`,
    },
    { label: 'round' },
    { label: 'calls a second' },
    contenders.map(({ name, perSecondByRound }) => ({
      name,
      points: perSecondByRound.map((y, index) => ({ x: index + 1, y })),
    })),
  );
}
