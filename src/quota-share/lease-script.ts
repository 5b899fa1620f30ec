/**
 * The group's side of a shared quota: one Lua script that Redis runs as one step, on the clock of
 * Redis. It knows the members, what the quota is taken to be, and grants parts of it for 3 seconds.
 */
import type { LuaScript } from "../redis/redis-commands.ts";
import { groupConstants, rateConstants } from "../upstream/rate-limit/adaptive/constants.ts";
import { highestPerSecond, leaseConstants } from "./lease.ts";
import { divisionLaw } from "./division-law.ts";
import { quotaLaw } from "./quota-law.ts";

/** The constants of the script as a Lua table. */
const constants = Object.entries({
  ...rateConstants,
  ...groupConstants,
  ...leaseConstants,
  highestPerSecond,
})
  .map(([name, value]) => {
    return `${name} = ${typeof value === "number" ? value : `{ ${value.join(", ")} }`}`;
  })
  .join(", ");

/**
 * One hash holds a group: `m:<member>` is "expires wants has accepted throttled needs ceiling
 * replicas heard sequence", the other fields are numbers of the group. Append words, rename
 * nothing: replicas of different versions share a group during an update.
 *
 * - The members agree on the lowest ceiling and the highest number of replicas that one of them
 *   has.
 * - What members that are not heard may send is not lent
 *   (`docs/decisions/0024-room-for-the-unheard.md`). A member that has just fallen silent sends no
 *   more than it had, and no more than an equal part. Each other replica that is missing sends an
 *   equal part. Without a ceiling only the members that were heard lately count.
 * - The group counts the highest rate that a member may have: a lower one only once the member
 *   says that it has it, and an equal part if the member has not heard a reply for long.
 * - Shares are max-min fair by need: no member gets less than an equal part in favour of a member
 *   that needs more than one. A second holds whole requests, and so do the windows.
 * - A grant never takes what other members hold: a new member waits until the others have renewed
 *   and confirmed, which takes little more than a second.
 * - In a group younger than a lease there may be unknown holders, as after FLUSHALL: no member gets
 *   more than it has, or than an equal part if it is new.
 * - The quota is lowered once per epoch, however many members report a 429. The script runs as one
 *   step, so it is the only prober of the group.
 * - A request that was overtaken by a later one of the same member changes nothing.
 *
 * KEYS: the group. ARGV: member, wants, has, accepted, ceiling, seed, whether to search from the
 * seed, lease in ms, epoch that was refused, throttled, longest probe interval in ms, needs,
 * replicas, time of the last reply that the member heard, ms since it started if it heard none,
 * sequence number. Rates are per second. An empty text stands for an unknown value.
 * Reply: rate, members, quota, epoch, share, time in ms, ceiling, size, lendable rate, requests in
 * the sliding window, the same without a lease.
 */
export const leaseScript: LuaScript = {
  source: `local law = { ${constants} }
local key, me = KEYS[1], 'm:' .. ARGV[1]
local ceiling, seed, lease = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local refused, longest = tonumber(ARGV[9]), tonumber(ARGV[11])
local mine = { wants = tonumber(ARGV[2]), has = tonumber(ARGV[3]), accepted = tonumber(ARGV[4]) }
mine.name = me
mine.throttled, mine.needs = tonumber(ARGV[10]), tonumber(ARGV[12])
mine.ceiling, mine.replicas = ARGV[5] == '' and '-' or ARGV[5], tonumber(ARGV[13])
mine.heard, mine.sequence = tonumber(ARGV[14]), tonumber(ARGV[16])
-- A member without a limit may send what it likes; it counts with what it sends.
if mine.has > law.highestPerSecond then mine.has = mine.accepted end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local steps, settle = law.probeSteps, law.firstDecreaseGapMs

-- Returns nil for a value that this script cannot have written. NaN is within no bounds.
local function within(value, least, most)
  local number = tonumber(value)
  if number and number >= least and number <= most then return number end
end
local entry = string.rep('(%S+) ', 9) .. '(%S+)'
local function parse(value)
  local each = {}
  local wants, has, accepted, throttled, needs, replicas, heard, sequence
  each.expires, wants, has, accepted, throttled, needs, each.ceiling, replicas, heard, sequence =
    string.match(value, entry)
  each.expires = within(each.expires, 0, 1e15)
  each.wants, each.has = within(wants, 0, 1e12), within(has, 0, 1e12)
  each.accepted, each.throttled = within(accepted, 0, 1e12), within(throttled, 0, 1e12)
  each.needs, each.replicas = within(needs, 0, 1e12), within(replicas, 1, 1e6)
  each.heard, each.sequence = within(heard, 0, 1e15), within(sequence, 0, 1e15)
  if each.expires and each.wants and each.has and each.accepted and each.throttled and each.needs
    and each.replicas and each.heard and each.sequence then return each end
end
local group, others, silent, before = {}, {}, {}, nil
local replicas = mine.replicas
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if string.sub(name, 1, 2) ~= 'm:' then
    group[name] = within(value, 0, 1e15)
  else
    local each = parse(value)
    -- A later expiry was written by a Redis whose clock was ahead.
    if each and (each.expires > now + lease or each.heard > now) then each = nil end
    if each and name == me then
      before = each
    elseif each and each.expires > now then
      each.name = name
      others[#others + 1] = each
      replicas = math.max(replicas, each.replicas)
      local its = within(each.ceiling, 1e-6, law.highestPerSecond)
      if its then ceiling = math.min(ceiling or its, its) end
    elseif each and now < each.heard + law.quietMs - lease - law.guardMs then
      silent[#silent + 1] = each
    elseif name ~= me then
      redis.call('HDEL', key, name)
    end
  end
end
if before and mine.sequence <= before.sequence then
  return redis.error_reply('STALE a later request was served')
end
-- Whoever has not renewed since the newest member joined may have been replaced by it.
local joined = before and math.min(group.joined or 0, now) or now
local function isDoubted(each) return each.expires - lease < joined end
local isHolder = before ~= nil and before.expires > now
if #others >= 256 then return redis.error_reply('FULL too many members') end

-- A group that was lost is new, and members that it does not know may hold leases of the old one.
-- Without a ceiling nothing is kept for them while Redis is away either.
local born = math.min(group.born or now, now)
if #others == 0 and not isHolder and not ceiling then born = now end
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
local count, certain = #others + 1, 1
local accepted, throttled, held = mine.accepted, mine.throttled, 0
for _, other in ipairs(others) do
  accepted = accepted + other.accepted
  throttled = throttled + other.throttled
  held = held + other.has
  if not isDoubted(other) then certain = certain + 1 end
end
local size = math.max(replicas, certain)

-- What is kept for members that are not heard, if the quota is this.
local function reserveOf(perSecond)
  local part, kept, sum = law.margin * perSecond / size, {}, 0
  for _, each in ipairs(silent) do
    if not isDoubted(each) then kept[#kept + 1] = math.min(each.has, part) end
  end
  for _, each in ipairs(others) do
    if isDoubted(each) then kept[#kept + 1] = math.max(0, part - each.has) end
  end
  table.sort(kept, function(a, b) return a > b end)
  for i = 1, size - certain do sum = sum + (kept[i] or (ceiling and part or 0)) end
  return sum
end

${quotaLaw}

local known = quota or ceiling
local grant, share, total, part = math.huge, math.huge, math.huge, 0
local window, sliceWindow = '', ''
if known then
  part = law.margin * known / size
  total = law.margin * known - reserveOf(known)
  ${divisionLaw}
  grant = share <= total - held + law.nearly and share or total - held
  if now - born < lease then
    grant = math.min(grant, mine.heard and mine.has or math.max(mine.has, part))
  end
  -- Never zero: some member has to find out whether requests are accepted.
  grant = math.max(grant, math.min(0.5, least))
  local isEqual = mine.isLacking and grant == share
  window = isEqual and windowOf(grant, lacking, place, room + spareOf(total / law.margin))
    or windowOf(grant, 1, 0, 0)
  sliceWindow = windowOf(part, size, rank, known + spareOf(known))
end

local text = function(number) return string.format('%.17g', number) end
-- Until the member says that it has heard this reply it may go on with what it has.
local holds = math.max(grant, mine.has)
if grant == math.huge then holds = mine.accepted end
local heard = math.min(mine.heard or now - tonumber(ARGV[15]), now)
if now >= heard + law.quietMs - lease - law.guardMs then holds = math.max(holds, part) end
redis.call('HSET', key, me, table.concat({
    text(now + lease), ARGV[2], text(holds), ARGV[4], ARGV[10], ARGV[12],
    mine.ceiling, ARGV[13], text(heard), ARGV[16]
  }, ' '), 'born', text(born), 'epoch', text(epoch), 'cutFrom', text(decreaseFrom),
  'severeFrom', text(severeFrom), 'joined', text(joined))
redis.call('HSET', key, 'seen', text(now), 'strayAt', text(strays.at),
  'strayAccepted', text(strays.accepted), 'strayRefused', text(strays.refused),
  'strayShare', text(strays.share), 'strayAllowed', text(strays.allowed),
  'strayLearned', text(strays.learned))
if quota then
  redis.call('HSET', key, 'quota', text(quota), 'safe', text(safe), 'step', step,
    'hold', text(hold), 'due', text(due), 'top', text(top),
    'usedAt', text(usedAt), 'regains', isRegained and 1 or 0, 'regainAt', text(regainAt))
end
redis.call('PEXPIRE', key, 600000)
return {
  grant == math.huge and '' or text(grant), count, known and text(known) or '', text(epoch),
  share == math.huge and '' or text(share), text(now), ceiling and text(ceiling) or '', size,
  total == math.huge and '' or text(total), window, sliceWindow
}
`,
};

/** Gives a member's part back at once. KEYS: the group. ARGV: member. */
export const leaveScript: LuaScript = {
  source: `return redis.call('HDEL', KEYS[1], 'm:' .. ARGV[1])`,
};
