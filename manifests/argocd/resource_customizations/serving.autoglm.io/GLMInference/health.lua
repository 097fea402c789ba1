-- Health of a GLMInference for Argo CD, by its kstatus conditions.
local health = { status = "Progressing", message = "the operator has not looked at it yet" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "the status speaks of an older spec"
  return health
end
local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end
local function holds(type)
  return found[type] ~= nil and found[type].status == "True"
end
if holds("Stalled") then
  return { status = "Degraded", message = found.Stalled.message }
end
if holds("Reconciling") then
  return { status = "Progressing", message = found.Reconciling.message }
end
if holds("Ready") then
  return { status = "Healthy", message = found.Ready.message }
end
if found.Ready ~= nil and found.Ready.reason == "ScaledToZero" then
  return { status = "Suspended", message = found.Ready.message }
end
return health
