/** Calls `call` at once, but no more often than every `ms`; the last of several calls is not lost. */
export function atMostOften(call: () => void, ms: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isWanted = false;
  const rest = () => {
    timer = undefined;
    if (isWanted) run();
  };
  const run = () => {
    isWanted = false;
    timer = setTimeout(rest, ms).unref();
    call();
  };
  return () => {
    if (timer) isWanted = true;
    else run();
  };
}
