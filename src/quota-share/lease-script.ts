/**
 * The group's side of a shared quota: one Lua script that Redis runs as one step, on the clock of
 * Redis. It knows the members, what the quota is taken to be, and grants parts of it for 3 seconds.
 */
import type { LuaScript } from "../redis/redis-commands.ts";
import { groupConstants, rateConstants } from "../upstream/rate-limit/adaptive/constants.ts";
import { highestPerSecond } from "./lease.ts";

/** The constants of the script as a Lua table. */
const constants = Object.entries({ ...rateConstants, ...groupConstants, highestPerSecond })
  .map(([name, value]) => {
    return `${name} = ${typeof value === "number" ? value : `{ ${value.join(", ")} }`}`;
  })
  .join(", ");

/**
 * One hash holds a group: `m:<member>` is "expires wants has accepted throttled", the other fields
 * are numbers of the group. Do not rename fields: replicas of different versions share a group
 * during an update.
 *
 * - Shares are max-min fair: no member gets less than an equal part in favour of a member that
 *   wants more than one. What no member wants is spread evenly, so that a burst can begin at once.
 * - A grant never takes what other members hold: a new member waits until the others have renewed,
 *   which takes a second at most.
 * - In a group younger than a lease there may be unknown holders, as after FLUSHALL: no member gets
 *   more than it has.
 * - The quota is lowered once per epoch, however many members report a 429. The script runs as one
 *   step, so it is the only prober of the group.
 *
 * KEYS: the group. ARGV: member, wants, has, accepted, ceiling, seed, whether to search from the
 * seed, lease in ms, epoch that was refused, throttled, longest probe interval in ms. Rates are per
 * second. An empty text stands for an unknown value.
 * Reply: rate, members, quota, epoch, share, time in ms.
 */
export const leaseScript: LuaScript = {
  source: `local law = { ${constants} }
local key, me = KEYS[1], 'm:' .. ARGV[1]
local ceiling, seed, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local refused, longest = tonumber(ARGV[9]), tonumber(ARGV[11])
local mine = { wants = tonumber(ARGV[2]), has = tonumber(ARGV[3]), accepted = tonumber(ARGV[4]) }
mine.throttled = tonumber(ARGV[10])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local steps, settle = law.probeSteps, law.firstDecreaseGapMs

-- Returns nil for a value that this script cannot have written. NaN is within no bounds.
local function within(value, least, most)
  local number = tonumber(value)
  if number and number >= least and number <= most then return number end
end
local group, others, isHolder = {}, {}, false
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if string.sub(name, 1, 2) ~= 'm:' then
    group[name] = within(value, 0, 1e15)
  elseif name == me then
    isHolder = within(string.match(value, '^%S+'), now + 0.5, now + lease) ~= nil
  else
    local expires, wants, has, accepted, throttled =
      string.match(value, '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    -- A later expiry was written by a Redis whose clock was ahead.
    expires = within(expires, now + 0.5, now + lease)
    local other = {
      wants = within(wants, 0, 1e12), has = within(has, 0, 1e12),
      accepted = within(accepted, 0, 1e12), throttled = within(throttled, 0, 1e12)
    }
    if expires and other.wants and other.has and other.accepted and other.throttled then
      others[#others + 1] = other
    else
      redis.call('HDEL', key, name)
    end
  end
end
if #others >= 256 then return redis.error_reply('FULL too many members') end

-- Without any lease the group is new. Members that it does not know may be sending, as they do
-- while Redis is away.
local born = math.min(group.born or now, now)
if #others == 0 and not isHolder then born = now end
local epoch = math.floor(group.epoch or now)
local quota = within(group.quota, 0.5, law.highestPerSecond)
local safe = within(group.safe, 0.5, law.highestPerSecond) or quota
local step = math.floor(group.step or 0)
local hold = math.min(group.hold or law.firstProbeIntervalMs, longest)
local due = math.min(group.due or now, now + longest)
local decreaseFrom = group.cutFrom or 0
local severeFrom = group.severeFrom or 0
-- Later times were written by a Redis whose clock was ahead.
if decreaseFrom > now + settle then decreaseFrom = now end
if severeFrom > now + 2 * settle then severeFrom = now end
if not quota and seed then
  quota, safe = seed, seed
  if ARGV[7] == '1' then step, due = #steps, now + law.searchMs else due = now + hold end
end
local count = #others + 1
local accepted, throttled, held = mine.accepted, mine.throttled, 0
for _, other in ipairs(others) do
  accepted = accepted + other.accepted
  throttled = throttled + other.throttled
  held = held + other.has
end

if refused == epoch and now >= decreaseFrom then
  local isSevere = now >= severeFrom and throttled >= law.severeRefusals
    and throttled > law.severeShare * (accepted + throttled)
  local known = quota or ceiling
  decreaseFrom = now + law.decreaseGapMs
  if not known then
    -- The first refusal of all: the search starts at what was accepted.
    quota, step, hold = math.max(accepted, law.leastSearchStart), #steps, law.firstProbeIntervalMs
    due, decreaseFrom = now + law.searchMs, now + settle
    severeFrom = now + 2 * settle
  else
    if isSevere then
      -- Until all members know the lower quota, and the last second began after it, the shares of
      -- responses say nothing about what is left.
      local taken = known * accepted / (accepted + throttled)
      quota, hold = math.max(known / 2, taken), law.firstProbeIntervalMs
      decreaseFrom, severeFrom = now + settle, now + 2 * settle
    elseif step >= #steps then
      quota = math.min(math.max(accepted, safe), known * law.margin)
      hold = law.firstProbeIntervalMs
    elseif step > 0 then
      quota, hold = safe, math.min(hold * law.intervalGrowthAfterProbe, longest)
    else
      quota, hold = known * law.margin, math.min(hold * law.intervalGrowth, longest)
    end
    step, due = 0, now + hold
  end
  quota = math.max(quota, 0.5 * count)
  safe = quota
  epoch = epoch + 1
elseif quota and now >= due and (step > 0 or not ceiling or quota < ceiling) then
  if accepted < law.leastUse * law.margin * quota then
    -- A rate that is not used proves nothing: a probe ends, a search waits.
    if step < #steps then quota, step = safe, 0 end
    due = now + 1000
  else
    safe, step = quota, step + 1
    if ceiling and quota >= ceiling then
      step, due = 0, now + hold
    elseif step <= #steps then
      quota, due = quota * (1 + steps[step]), now + law.probeMs
    else
      quota, hold, due = quota * law.searchFactor, law.firstProbeIntervalMs, now + law.searchMs
    end
  end
end
if quota and ceiling then quota = math.min(quota, ceiling) end
if safe and quota then safe = math.min(safe, quota) end

local known = quota or ceiling
local grant, share = math.huge, math.huge
if known then
  local total = law.margin * known
  local least = math.min(2, total / (2 * count))
  local wants = { math.max(mine.wants, least) }
  for _, other in ipairs(others) do wants[#wants + 1] = math.max(other.wants, least) end
  local own = wants[1]
  table.sort(wants)
  local left, level = total, nil
  for i, want in ipairs(wants) do
    if want * (count - i + 1) > left then
      level = left / (count - i + 1)
      break
    end
    left = left - want
  end
  if level then share = math.min(own, level) else share = own + left / count end
  grant = math.min(share, total - held)
  if now - born < lease then grant = math.min(grant, mine.has) end
  -- Never zero: some member has to find out whether requests are accepted.
  grant = math.max(grant, math.min(0.5, total / (20 * count)))
end

local text = function(number) return string.format('%.17g', number) end
local holds = grant
if grant == math.huge then holds = mine.accepted end
local entry = text(now + lease) .. ' ' .. text(mine.wants) .. ' ' .. text(holds)
  .. ' ' .. text(mine.accepted) .. ' ' .. text(mine.throttled)
redis.call('HSET', key, me, entry, 'born', text(born), 'epoch', text(epoch),
  'cutFrom', text(decreaseFrom), 'severeFrom', text(severeFrom))
if quota then
  redis.call('HSET', key, 'quota', text(quota), 'safe', text(safe), 'step', step,
    'hold', text(hold), 'due', text(due))
end
redis.call('PEXPIRE', key, 600000)
return {
  grant == math.huge and '' or text(grant), count, known and text(known) or '', text(epoch),
  share == math.huge and '' or text(share), text(now)
}
`,
};

/** Gives a member's part back at once. KEYS: the group. ARGV: member. */
export const leaveScript: LuaScript = {
  source: `return redis.call('HDEL', KEYS[1], 'm:' .. ARGV[1])`,
};
