// What every client makes of the events of `event_server`, as [type, data, lastEventId].

export const KINDS = [
  ['message', 'plain', ''],
  ['named', 'with a type', ''],
  ['message', 'with an ID', '7'],
  ['message', 'with an ID that is not ASCII', '…é'],
  ['message', 'two\nlines', '…é'],
  ['message', '', '…é'],
  ['message', ' a space leads', '…é'],
  ['message', 'CR\nand CRLF\nand LF\n', '…é'],
  ['message', 'emoji 🎈', '…é'],
  ['message', 'with a reconnection time', '…é'],
  ['message', 'with a comment', '…é'],
  ['last', 'no ID any more', ''],
];

/** Runs with an `EventSource`, in Node or in a page: what came until `isDone`, or `error` at the end. */
export async function collect(Source, url, types, isDone) {
  const source = new Source(url);
  const events = [];
  let opened = 0;
  let lost = 0;
  await new Promise((resolve) => {
    for (const type of types) {
      source.addEventListener(type, ({ data, lastEventId }) => {
        events.push([type, data, lastEventId]);
        if (isDone !== undefined && type === isDone) resolve();
      });
    }
    source.onopen = () => { opened += 1; };
    source.onerror = () => {
      lost += 1;
      if (source.readyState === Source.CLOSED) resolve();
    };
  });
  const { readyState } = source;
  source.close();
  return { events, opened, lost, closed: readyState === Source.CLOSED };
}
