// The program that `BROWSER` names: hands the URL, its last word, to the browser that listens on the port before it.

const [port, url] = process.argv.slice(2);
await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: url, signal: AbortSignal.timeout(10_000) });
