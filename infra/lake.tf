# Buckets, the catalogue with the tables of sources, and the workgroups that queries run in.

module "lake" {
  source = "./modules/lake"

  name              = local.name
  bucket            = local.bucket
  raw_bucket        = local.raw_bucket
  results_bucket    = local.results_bucket
  database          = local.database
  workgroup         = local.workgroup
  people_workgroup  = local.people_workgroup
  scan_limit        = local.scan_limit
  people_scan_limit = local.people_scan_limit
  sources           = local.sources
  crawler_schedule  = var.crawler_schedule
  force_destroy     = var.destroy_data
  tags              = local.tags
}
