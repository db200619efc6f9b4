# Who may read what; nothing is declared where the lake does not say.

locals {
  access = {
    for name, group in try(local.config.access, {}) : name => {
      principals = [for principal in try(group.principals, []) : tostring(principal)]
      read       = [for what in try(group.read, []) : tostring(what)]
      columns    = { for source, columns in try(group.columns, {}) : source => [for column in columns : tostring(column)] }
    }
  }
}

module "access" {
  source = "./modules/access"
  count  = length(local.access) == 0 ? 0 : 1

  name                 = local.name
  access               = local.access
  bucket               = module.lake.bucket
  raw_bucket           = module.lake.raw_bucket
  export_keys          = module.snapshots[*].key_arn
  setter_role_arn      = module.orchestration.roles["model"]
  results_bucket       = module.lake.results_bucket
  database             = module.lake.database
  tables               = module.lake.tables
  views                = module.lake.views
  people_workgroup_arn = module.lake.people_workgroup_arn
  administrators       = var.lake_formation_administrators
  tags                 = local.tags
}

check "sources_can_be_opened" {
  assert {
    condition     = length(local.access) == 0 || alltrue([for source in values(local.sources) : source.has_contract])
    error_message = "With `access:` a source without `columns` is open to nobody: its table is not made here, so nobody can be let in."
  }
}
