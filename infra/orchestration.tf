# Plan, models and schedules.

module "orchestration" {
  source = "./modules/orchestration"

  prefix             = local.prefix
  bucket             = local.bucket
  raw_bucket         = local.raw_bucket
  results_bucket     = local.results_bucket
  database           = local.database
  workgroup          = local.workgroup
  marts              = keys(local.marts)
  schedules          = local.schedules
  timezone           = local.timezone
  has_access         = length(local.access) > 0
  export_machine_arn = one(module.snapshots[*].machine_arn)
  export_keys        = module.snapshots[*].key_arn
  functions          = var.functions
  machines           = var.machines
  architecture       = var.architecture
  alarm_topic_arn    = local.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = local.tags
}

locals {
  schedules = {
    for name, schedule in try(local.config.schedules, {}) : name => {
      cron   = tostring(schedule.cron)
      export = try(tostring(schedule.export), null)
    }
  }
}
