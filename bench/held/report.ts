import { lineChart } from '../harness/chart';

/** Promises the worker's resident memory against the messages that it holds. */
export function memoryChart(steps: { held: number; residentBytes: number }[], bytesPerMessage: number): string {
  return lineChart(
    {
      title: 'Memory of a worker that holds messages',
      subtitle: `one more held message costs ${(bytesPerMessage / 1024).toFixed(1)} KB; payloads are empty`,
    },
    { label: 'held messages' },
    { label: 'resident MB' },
    [
      {
        name: 'worker',
        points: steps.map(({ held, residentBytes }) => ({ x: held, y: Math.round(residentBytes / 2 ** 20) })),
      },
    ],
  );
}
