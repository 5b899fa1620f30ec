/** The floor: the least that can stand between gRPC and Key Protect. Forwards a wrap and does nothing else. */
import { createPool, readWrap, sendWrap } from "./request-wrap.ts";
import { serveWrap } from "./serve-wrap.ts";

const pool = createPool();

serveWrap(async (request) => readWrap(await sendWrap(pool, request)));
