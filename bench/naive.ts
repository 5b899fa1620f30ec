/**
 * The arrangement `naive`: the libraries of the gateway, combined as their introductions show. Each
 * call is a Bottleneck job with a reservoir, inside an opossum breaker, with retries after 429.
 */
import { setTimeout as sleep } from "node:timers/promises";
import Bottleneck from "bottleneck";
import CircuitBreaker from "opossum";
import type {
  WrapKeyRequest,
  WrapKeyResponse,
} from "../src/gen/keyprotect/v1/key_actions_service.ts";
import { createPool, readWrap, sendWrap } from "./request-wrap.ts";
import { serveWrap } from "./serve-wrap.ts";

const pool = createPool();

/**
 * A quota that is never reached, as with the gateway: the bench measures the cost of the limiter.
 */
const perSecond = 100_000;

const limiter = new Bottleneck({
  reservoir: perSecond,
  reservoirRefreshAmount: perSecond,
  reservoirRefreshInterval: 1_000,
});

async function wrap(request: WrapKeyRequest): Promise<WrapKeyResponse> {
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
