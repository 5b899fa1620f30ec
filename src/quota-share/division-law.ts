/**
 * The part of the lease script that divides what the group lends among its members
 * (`docs/decisions/0027-whole-requests.md`).
 */

/**
 * Lua statements. They set `share`, the part of the member that asks, and define `windowOf`. They
 * use the local variables of the lease script.
 *
 * - The division is max-min fair by need. What is left goes to those that want more, then evenly to
 *   all, so that a burst can begin at once.
 * - A member that gets what it needs gets it in whole requests per second, since its sliding window
 *   holds whole requests: a part of 2.4 per second would be used to 2, and the rest lost. The part
 *   stays as it is until the need is well beside it, since each change costs a little. The queue is
 *   part of the need and makes up for the rounding. The thresholds of the members differ, so that
 *   equal needs do not change in the same second.
 * - Members that get less than they need have equal parts. If these are no whole requests, the
 *   windows of some are rounded up, as far as all windows together hold 103 % of the quota (less of
 *   a quota below 100), and the windows of the others down. The members take turns.
 */
export const divisionLaw = `local least = math.min(2, law.leastShare * total / count)
local all, needs, needed, wanted, level = { mine }, {}, 0, 0, math.huge
for _, other in ipairs(others) do all[#all + 1] = other end
for i, each in ipairs(all) do
  each.needs = math.max(each.needs, least)
  each.wants = math.max(each.wants, each.needs)
  needs[i], needed, wanted = each.needs, needed + each.needs, wanted + each.wants
end
if needed > total then
  table.sort(needs)
  local left = total
  for i, need in ipairs(needs) do
    level = left / (count - i + 1)
    if need >= level then break end
    left = left - need
  end
end
local function fairShare(each)
  if needed > total then return math.min(each.needs, level) end
  if wanted > total then
    return each.needs + (each.wants - each.needs) * (total - needed) / (wanted - needed)
  end
  return each.wants + (total - wanted) / count
end

local function wholeOf(requests) return math.floor(requests + law.nearly) end
table.sort(all, function(a, b) return a.name < b.name end)
local turn, rank = math.floor(now / law.turnMs), 0
local room, lacking, isLacking, place = total / law.margin, 0, false, 0
local function placeOf(i) return (i - 1 + turn) % count end
for i, each in ipairs(all) do
  if each == mine then rank = i - 1 end
  each.part = fairShare(each) / law.margin
  each.isLacking = each.needs > level + law.nearly
  if each.isLacking then
    lacking = lacking + 1
  else
    local whole = wholeOf(each.part)
    if whole >= 1 then
      local isUp = each.has >= law.margin * (whole + 1 - law.nearly)
      local threshold = 0.5 + law.spread * (placeOf(i) / count - 0.5)
      threshold = threshold + (isUp and -law.stickiness or law.stickiness)
      each.part = each.part - whole > threshold and whole + 1 or whole
    end
    room = room - each.part
  end
end
-- The place among the members that get less than they need.
for i, each in ipairs(all) do
  if each.isLacking and placeOf(i) < placeOf(rank + 1) then place = place + 1 end
end
room = math.max(0, room)
if mine.isLacking then mine.part = room / lacking end
share = law.margin * mine.part

local function spareOf(requests)
  local most = law.mostAbove * requests - law.changesInSecond
  return math.max(0.5, math.min(law.spareInWindows * requests, most))
end
-- The window of a rate that several members have: those in the first places may round it up.
local function windowOf(perSecond, members, at, free)
  local requests = perSecond / law.margin
  local whole = wholeOf(requests)
  if whole < 1 then return 1 end
  local isEnough = requests - whole <= law.windowSlack * whole
  return (isEnough or at >= wholeOf(free - members * whole)) and whole or whole + 1
end`;
