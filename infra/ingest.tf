# How records come in.

module "ingest" {
  source = "./modules/ingest"

  name               = local.name
  bucket             = module.lake.bucket
  raw_bucket         = module.lake.raw_bucket
  database           = module.lake.database
  glue_tables        = module.lake.tables
  timezone           = local.timezone
  streams            = local.streams
  tables             = local.tables
  table_filters      = var.table_filters
  functions          = var.functions
  architecture       = var.architecture
  alarm_topic_arn    = local.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = local.tags
}
