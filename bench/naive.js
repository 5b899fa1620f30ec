/**
 * The naive arrangement: the same libraries as in the gateway, put together as their introductions show. A Bottleneck job
 * with a reservoir for each call, opossum around it, another attempt after 429.
 */
import { setTimeout as sleep } from "node:timers/promises";
import Bottleneck from "bottleneck";
import CircuitBreaker from "opossum";
import { createPool, readWrap, sendWrap } from "./request-wrap.js";
import { serveWrap } from "./serve-wrap.js";
const pool = createPool();
/** Far above what can be reached, as with the gateway: measured is what the limiter costs, not that it limits. */
const perSecond = 100_000;
const limiter = new Bottleneck({
  reservoir: perSecond,
  reservoirRefreshAmount: perSecond,
  reservoirRefreshInterval: 1_000,
});
async function wrap(request) {
  for (let attempt = 1; ; attempt++) {
    const response = await limiter.schedule(() => sendWrap(pool, request));
    if (response.statusCode === 200) return readWrap(response);
    await response.body.dump();
    if (response.statusCode !== 429 || attempt === 3) {
      throw new Error(`Key Protect answered ${response.statusCode}`);
    }
    await sleep(100 * 2 ** attempt);
  }
}
const breaker = new CircuitBreaker(wrap, {
  timeout: 3_000,
  errorThresholdPercentage: 50,
  resetTimeout: 5_000,
});
serveWrap((request) => breaker.fire(request));
