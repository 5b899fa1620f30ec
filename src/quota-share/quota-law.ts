/**
 * The part of the lease script that decides what the quota is taken to be. The law of a gateway by
 * itself is in `upstream/rate-limit/adaptive/` (`docs/decisions/0015-rate-law.md`).
 */

/**
 * Lua statements. They lower the quota after a refusal, raise it by probes, and keep it within the
 * ceiling. They use the local variables of the lease script.
 */
export const quotaLaw = `local top, isRegained = group.top or 0, group.regains == 1
local usedAt = math.min(group.usedAt or 0, now)
local regainAt = math.min(group.regainAt or now, now + law.regainMs)
local strays = {
  at = math.min(group.strayAt or now, now), accepted = group.strayAccepted or 0,
  refused = group.strayRefused or 0, share = group.strayShare or 0,
  allowed = group.strayAllowed or 0, learned = math.min(group.strayLearned or 0, now)
}
local elapsed = math.max(0, math.min(now - (group.seen or now), lease)) / 1000
if now - strays.learned > law.forgetStraysMs then strays.share, strays.allowed = 0, 0 end
strays.accepted = strays.accepted + accepted * elapsed
strays.allowed = math.min(law.mostStraysInRow,
  strays.allowed + strays.share * accepted * elapsed)

-- However an upstream counts, once it has refused it accepts no more than its quota on average.
local function isStray(perSecond)
  if perSecond < top then
    strays.refused = strays.refused + 1
    local seconds = (now - strays.at) / 1000
    local average = seconds > 1 and strays.accepted * (1 - 1 / seconds) / seconds or 0
    local share = strays.refused / (strays.accepted + strays.refused)
    if law.margin * perSecond < average * law.strayCertainty and share >= law.leastStrayShare then
      strays.share = math.min(share * law.strayTolerance, law.mostStrayShare)
      strays.learned = now
    end
  else
    strays.at, strays.accepted, strays.refused = now, 0, 0
  end
  if strays.allowed < 1 then return false end
  strays.allowed = strays.allowed - 1
  return true
end

if refused == epoch and now >= decreaseFrom then
  local isSevere = now >= severeFrom and throttled >= law.severeRefusals
    and throttled > law.severeShare * (accepted + throttled)
  local known = quota or ceiling
  decreaseFrom = now + law.decreaseGapMs
  local isUsed = known and (now < usedAt + law.usedMs or
    accepted + throttled + 1 + reserveOf(known) >= law.leastUse * law.margin * known)
  local isOfQuota = true
  if not known then
    -- The first refusal of all: the search starts at what was accepted. If that was next to
    -- nothing, it proves nothing.
    isRegained, regainAt = accepted < law.leastSearchStart, now + law.regainMs
    quota = isRegained and law.leastUnproven or accepted
    step, hold = #steps, law.firstProbeIntervalMs
    top = isRegained and law.highestPerSecond or quota
    due, decreaseFrom = now + law.searchMs, now + settle
    severeFrom = now + 2 * settle
  elseif not isSevere and isStray(known) then
    isOfQuota = false
    if known < top then
      isRegained, regainAt, hold = true, now + law.regainMs, law.firstProbeIntervalMs
    end
  elseif not isUsed then
    -- What is accepted while demand does not fill the quota is a lower bound.
    local least = math.min(known, law.leastUnproven)
    top = step >= #steps and law.highestPerSecond or math.max(top, known)
    isRegained, regainAt, hold = true, now + law.regainMs, law.firstProbeIntervalMs
    if isSevere then
      quota = math.max(known / 2, accepted, least)
      decreaseFrom, severeFrom = now + settle, now + 2 * settle
    elseif step > 0 and step < #steps then
      quota, step, due = safe, 0, now + hold
    else
      quota = math.max(known * law.margin, least)
    end
    quota = math.min(quota, known)
  else
    isRegained, usedAt = false, now
    if isSevere then
      -- Until all members know the lower quota, and the last second began after it, the shares of
      -- responses say nothing about what is left.
      local taken = known * accepted / (accepted + throttled)
      quota, hold = math.max(known / 2, taken), law.firstProbeIntervalMs
      decreaseFrom, severeFrom = now + settle, now + 2 * settle
      top = quota
    elseif step >= #steps then
      quota = math.min(math.max(accepted, safe), known * law.margin)
      hold, top = law.firstProbeIntervalMs, quota
    elseif step > 0 then
      quota, hold = safe, math.min(hold * law.intervalGrowthAfterProbe, longest)
    else
      quota, hold = known * law.margin, math.min(hold * law.intervalGrowth, longest)
    end
    step, due = 0, now + hold
  end
  if isOfQuota then
    quota = math.max(quota, 0.5 * count)
    safe = quota
    epoch = epoch + 1
  end
elseif quota and isRegained then
  if now >= regainAt and accepted + 1 + reserveOf(quota) >= law.leastUse * law.margin * quota then
    safe, quota = quota, math.min(quota * law.regainFactor, top)
    regainAt, isRegained = now + law.regainMs, quota < top
    if not isRegained then due = now + hold end
  end
elseif quota and now >= due and (step > 0 or not ceiling or quota < ceiling) then
  if accepted + reserveOf(quota) < law.leastUse * law.margin * quota then
    -- A rate that is not used proves nothing: a probe ends, a search waits.
    if step < #steps then quota, step = safe, 0 end
    due = now + 1000
  else
    safe, step, top = quota, step + 1, math.max(top, quota)
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
if quota and top < quota then top = quota end`;
