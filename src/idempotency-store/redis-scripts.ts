/**
 * The atomic steps on a record in Redis. A record is a hash: `f` fingerprint, `s` state, `o` owner,
 * `u` end of the lease, `k` key ID. Times are those of Redis, so that the replicas' clocks do not
 * matter.
 */
import type { LuaScript } from "../redis/redis-commands.ts";

/**
 * Key: the record. Arguments: fingerprint, owner, time of the reservation in milliseconds. Replies
 * with the kind of a `BeginResult` and the key ID. A reservation is a running record that expires
 * and has a lease without an end: if it is not confirmed, the request was never executed. An end
 * would be compared with `TIME`, which may be ahead of the time by which Redis expires keys.
 */
export const beginScript: LuaScript = {
  source: `
local record = redis.call('HMGET', KEYS[1], 'f', 's', 'o', 'u', 'k')
local fingerprint, state, owner, untilMs, keyId = unpack(record)
if not fingerprint or state == 'running' and not untilMs then
  redis.call('HSET', KEYS[1], 'f', ARGV[1], 's', 'running', 'o', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  -- Last: a script that fails half-way is not undone, and leaves no reservation without this.
  redis.call('HSET', KEYS[1], 'u', '9007199254740991')
  return {'begun', ''}
end
if fingerprint ~= ARGV[1] then return {'reused', ''} end
if state == 'done' then return {'done', keyId} end
if state == 'running' then
  if owner == ARGV[2] then return {'begun', ''} end
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if now < tonumber(untilMs) then return {'running', ''} end
end
return {'unknown', ''}
`,
};

/**
 * Key: the record. Arguments: owner, lease and keep time in milliseconds. Replies 1 if the owner
 * may execute the request now, and 0 if its reservation has ended.
 */
export const confirmScript: LuaScript = {
  source: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HMGET', KEYS[1], 'o', 's', 'u')
if record[1] ~= ARGV[1] or record[2] ~= 'running' or not record[3] then return 0 end
redis.call('HSET', KEYS[1], 'u', string.format('%d', now + ARGV[2]))
redis.call('PEXPIRE', KEYS[1], string.format('%d', ARGV[2] + ARGV[3]))
return 1
`,
};

/**
 * Key: the record. Arguments: fingerprint, owner, the kind of a `Completion`, key ID, keep time in
 * milliseconds. A record that was lost in the meantime is written anew; the reply is then 2.
 */
export const completeScript: LuaScript = {
  source: `
local owner = redis.call('HGET', KEYS[1], 'o')
if owner and owner ~= ARGV[2] then return 0 end
if ARGV[3] == 'nothing' then return redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'f', ARGV[1], 's', ARGV[3], 'o', ARGV[2], 'k', ARGV[4])
redis.call('HDEL', KEYS[1], 'u')
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return owner and 1 or 2
`,
};

/**
 * Key: the marker, a hash with a name and a number that grows with the records. Arguments: the name
 * for a new marker, and 1 if records were written since the last call, else 0. Replies with the
 * name, whether it is new, and the number as found and as left.
 *
 * A marker never expires. It is always written by two commands, as records are: Redis puts them
 * into its append-only file as a transaction, and at a restart may drop transactions alone.
 */
export const markScript: LuaScript = {
  source: `
local marker = redis.call('HMGET', KEYS[1], 'id', 'n')
local id, found = marker[1] or ARGV[1], tonumber(marker[2] or 0)
local left = found
if ARGV[2] == '1' or not marker[1] then
  left = found + 1
  redis.call('HSET', KEYS[1], 'id', id)
  redis.call('HSET', KEYS[1], 'n', string.format('%d', left))
end
return {id, marker[1] and 0 or 1, found, left}
`,
};
