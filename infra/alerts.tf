# Costs, failures, budgets.

module "alerts" {
  source = "./modules/alerts"

  prefix             = local.prefix
  lake               = local.name
  bucket             = local.bucket
  raw_bucket         = local.raw_bucket
  workgroups         = [local.workgroup, local.people_workgroup]
  told_machines      = concat(["workflow", "backfill", "schedule"], length(local.clusters) > 0 ? ["aurora-export"] : [])
  slack_secret       = try(tostring(local.config.alerts.slack.secret), null)
  emails             = try([for address in local.config.alerts.email : tostring(address)], [])
  budget             = try(tonumber(local.config.alerts.budget), null)
  budget_tag         = { key = "tarn-lake", value = local.name }
  timezone           = local.timezone
  streams            = keys(local.streams)
  tables             = length(local.tables) > 0
  marts              = keys(local.marts)
  alarms             = concat(module.ingest.alarms, module.orchestration.alarms, flatten(values(module.mart)[*].alarms), flatten(module.snapshots[*].alarms))
  functions          = var.functions
  architecture       = var.architecture
  log_retention_days = var.log_retention_days
  tags               = local.tags
}
