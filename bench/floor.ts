/** The arrangement `floor`: a gRPC server that forwards a wrap and does nothing else. */
import { createPool, readWrap, sendWrap } from "./request-wrap.ts";
import { serveWrap } from "./serve-wrap.ts";

const pool = createPool();

serveWrap(async (request) => readWrap(await sendWrap(pool, request)));
