/**
 * The group's side of a shared quota: one script, run by Redis as one step and on Redis' own time, that knows who shares the quota,
 * what the quota is taken to be, and how much of it whoever asks may use for the next three seconds.
 */
import type { LuaScript } from "../redis/redis-commands.ts";
import { highestPerSecond, leaseMargin } from "./lease.ts";

/**
 * One hash holds a group: `m:<member>` is "expires wants has accepted throttled", the rest are numbers of the group.
 *
 * - Shares are max-min fair: nobody gets less than an equal part in favour of somebody who wants more than one, and what nobody wants is
 *   spread evenly, so that the first calls of a burst find room.
 * - A grant never takes what others still hold: who joins waits until the others have renewed, a second at most.
 * - In a group younger than a lease there may be holders that it does not know, as after FLUSHALL: nobody gets more than they have.
 * - The quota goes down once per epoch, whoever reports a 429, and is tried higher by all together: being one step, the script is the one
 *   prober that the group needs.
 *
 * KEYS: the group. ARGV: member, wants, has, accepted, ceiling, seed, whether the seed is to be searched from, lease in ms, epoch that was refused,
 * throttled, longest hold in ms. Rates are per second; an empty text stands for what is not known.
 * Reply: rate, members, quota, epoch, share, time in ms.
 */
export const leaseScript: LuaScript = {
  source: `
local key, me = KEYS[1], 'm:' .. ARGV[1]
local ceiling, seed, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local refused, longest = tonumber(ARGV[9]), tonumber(ARGV[11])
local mine = { wants = tonumber(ARGV[2]), has = tonumber(ARGV[3]), accepted = tonumber(ARGV[4]) }
mine.throttled = tonumber(ARGV[10])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local margin, firstHold, settle, steps = ${leaseMargin}, 20000, 1100, { 0.01, 0.02, 0.04, 0.08, 0.08 }

-- What cannot be was not written here; NaN is within nothing.
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
    local expires, wants, has, accepted, throttled = string.match(value, '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    -- An expiry further off than a lease is left from a Redis whose clock was ahead.
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

-- Where nobody holds a lease the group begins anew: the others may be sending without one, as they do while Redis is away.
local born = math.min(group.born or now, now)
if #others == 0 and not isHolder then born = now end
local epoch = math.floor(group.epoch or now)
local quota = within(group.quota, 0.5, ${highestPerSecond})
local safe, step = within(group.safe, 0.5, ${highestPerSecond}) or quota, math.floor(group.step or 0)
local hold = math.min(group.hold or firstHold, longest)
local due = math.min(group.due or now, now + longest)
local cutFrom = group.cutFrom or 0
local severeFrom = group.severeFrom or 0
-- Times further off than they can be are left from a Redis whose clock was ahead.
if cutFrom > now + settle then cutFrom = now end
if severeFrom > now + 2 * settle then severeFrom = now end
if not quota and seed then
  quota, safe = seed, seed
  if ARGV[7] == '1' then step, due = #steps, now + 2000 else due = now + hold end
end
local count = #others + 1
local accepted, throttled, held = mine.accepted, mine.throttled, 0
for _, other in ipairs(others) do
  accepted = accepted + other.accepted
  throttled = throttled + other.throttled
  held = held + other.has
end

if refused == epoch and now >= cutFrom then
  local isSevere = now >= severeFrom and throttled >= 3 and throttled > 0.05 * (accepted + throttled)
  local known = quota or ceiling
  cutFrom = now + 300
  if not known then
    -- The first refusal of all: what was accepted is where the search begins.
    quota, step, hold, due, cutFrom = math.max(accepted, 5), #steps, firstHold, now + 2000, now + settle
    severeFrom = now + 2 * settle
  else
    if isSevere then
      -- Until all have heard of this cut, and the last second lies behind it, shares of answers say nothing about what is left.
      local taken = known * accepted / (accepted + throttled)
      quota, hold = math.max(known / 2, taken), firstHold
      cutFrom, severeFrom = now + settle, now + 2 * settle
    elseif step >= #steps then
      quota, hold = math.min(math.max(accepted, safe), known * margin), firstHold
    elseif step > 0 then
      quota, hold = safe, math.min(hold * 2, longest)
    else
      quota, hold = known * margin, math.min(hold * 1.5, longest)
    end
    step, due = 0, now + hold
  end
  quota = math.max(quota, 0.5 * count)
  safe = quota
  epoch = epoch + 1
elseif quota and now >= due and (step > 0 or not ceiling or quota < ceiling) then
  if accepted < 0.8 * margin * quota then
    -- A rate that is not used proves nothing: a probe ends, a search waits.
    if step < #steps then quota, step = safe, 0 end
    due = now + 1000
  else
    safe, step = quota, step + 1
    if ceiling and quota >= ceiling then
      step, due = 0, now + hold
    elseif step <= #steps then
      quota, due = quota * (1 + steps[step]), now + 15000
    else
      quota, hold, due = quota * 1.25, firstHold, now + 2000
    end
  end
end
if quota and ceiling then quota = math.min(quota, ceiling) end
if safe and quota then safe = math.min(safe, quota) end

local known = quota or ceiling
local grant, share = math.huge, math.huge
if known then
  local total = margin * known
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
  -- Not nothing: somebody has to find out whether calls arrive.
  grant = math.max(grant, math.min(0.5, total / (20 * count)))
end

local text = function(number) return string.format('%.17g', number) end
local holds = grant
if grant == math.huge then holds = mine.accepted end
local entry = text(now + lease) .. ' ' .. text(mine.wants) .. ' ' .. text(holds)
  .. ' ' .. text(mine.accepted) .. ' ' .. text(mine.throttled)
redis.call('HSET', key, me, entry, 'born', text(born), 'epoch', text(epoch), 'cutFrom', text(cutFrom),
  'severeFrom', text(severeFrom))
if quota then
  redis.call('HSET', key, 'quota', text(quota), 'safe', text(safe), 'step', step, 'hold', text(hold), 'due', text(due))
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
