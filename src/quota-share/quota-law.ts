/**
 * The part of the lease script that decides what the quota is taken to be. The law of a gateway by
 * itself is in `upstream/rate-limit/adaptive/` (`docs/decisions/0015-rate-law.md`).
 */

/**
 * Lua statements. They lower the quota after a refusal, raise it by probes, and keep it within the
 * ceiling. They use the local variables of the lease script.
 */
export const quotaLaw = `if refused == epoch and now >= decreaseFrom then
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
  if accepted + reserveOf(quota) < law.leastUse * law.margin * quota then
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
if safe and quota then safe = math.min(safe, quota) end`;
