# Exports of Aurora flow in, where a source names its cluster.

module "snapshots" {
  source = "./modules/snapshots"
  count  = length(local.clusters) > 0 ? 1 : 0

  prefix             = local.prefix
  bucket             = local.bucket
  raw_bucket         = local.raw_bucket
  database           = local.database
  clusters           = local.clusters
  functions          = var.functions
  machines           = var.machines
  architecture       = var.architecture
  alarm_topic_arn    = local.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = local.tags
}

locals {
  clusters = distinct(compact([for source in values(local.sources) : source.cluster if source.kind == "snapshot"]))
}
