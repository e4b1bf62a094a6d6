// A worker with the methods that a conformance run calls [WRK-21].

import { setTimeout as delay } from "node:timers/promises";
import { serve } from "./serve.mjs";

await serve({
  echo: (body) => body,
  fail: ({ message }) => Promise.reject(new Error(message)),
  sleep: ({ ms }, { signal }) => delay(ms, null, { signal }),
  pid: () => process.pid,
  blob: ({ size }) => "x".repeat(size),
  unserializable: () => () => {},
  exit: ({ code }) => process.exit(code),
});
