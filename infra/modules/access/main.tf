# Who may read what, by Lake Formation in hybrid mode: those who are named in `access` are held to what they are granted, everybody else, the
# functions of the lake among them, goes by IAM as before.
#
# Sources are granted by name. Models are tables that do not exist when this is applied, so they are granted by tags: each group has one, the
# database has all of them with `no`, and a table that is made in a database inherits its tags. After each publish the machine `model` sets the
# tags of what was published, `yes` for the groups that may read it. What no run has published, readers do not see.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  tags   = { for name in keys(var.access) : name => "tarn-${var.name}-${name}" }
  bucket = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"
  raw    = "arn:${data.aws_partition.current.partition}:s3:::${var.raw_bucket}"

  # What each principal may read, all groups taken together: a principal may be in several.
  principals = toset(flatten(values(var.access)[*].principals))
  groups     = { for principal in local.principals : principal => [for group in values(var.access) : group if contains(group.principals, principal)] }

  # Who reads models by which tag: groups that read anything but sources.
  members = merge([
    for name, group in var.access : {
      for principal in group.principals : "${name}/${principal}" => { group = name, principal = principal }
    } if length(setsubtract(group.read, ["sources"])) > 0
  ]...)

  # A source is whole unless every group through which it is read names its columns.
  readers = { for principal, groups in local.groups : principal => [for group in groups : group if contains(group.read, "sources")] }
  columns = {
    for pair in setproduct(local.principals, keys(var.tables)) : join("/", pair) => {
      principal = pair[0]
      source    = pair[1]
      is_whole  = anytrue([for group in local.readers[pair[0]] : !contains(keys(group.columns), pair[1])])
      columns   = distinct(flatten([for group in local.readers[pair[0]] : lookup(group.columns, pair[1], [])]))
    } if length(local.readers[pair[0]]) > 0
  }
  whole = merge(
    { for key, grant in local.columns : key => { principal = grant.principal, table = var.tables[grant.source] } if grant.is_whole },
    # The view shows all columns, so it is of use to those only who may read them all.
    {
      for key, grant in local.columns : "${key}_current" => { principal = grant.principal, table = var.views[grant.source] }
      if grant.is_whole && contains(keys(var.views), grant.source)
    },
  )
  partly = { for key, grant in local.columns : key => grant if !grant.is_whole && length(grant.columns) > 0 }

  # Another account decides by itself who of its own people reads what it was given.
  accounts = { for principal in local.principals : principal => can(regex("^[0-9]{12}$", principal)) }

  unknown = distinct(flatten([for group in values(var.access) : [for source in keys(group.columns) : source if !contains(keys(var.tables), source)]]))
}

resource "aws_lakeformation_data_lake_settings" "this" {
  count = length(var.administrators) > 0 ? 1 : 0

  admins = var.administrators

  # Shares of single tables and of tags to whole accounts, in hybrid mode too.
  parameters = { CROSS_ACCOUNT_VERSION = "4" }

  # As accounts have them from the start: what is made is open to IAM, and so to the functions.
  create_database_default_permissions {
    permissions = ["ALL"]
    principal   = "IAM_ALLOWED_PRINCIPALS"
  }

  create_table_default_permissions {
    permissions = ["ALL"]
    principal   = "IAM_ALLOWED_PRINCIPALS"
  }
}

resource "aws_lakeformation_resource" "lake" {
  arn                   = local.bucket
  role_arn              = aws_iam_role.reader.arn
  hybrid_access_enabled = true

  lifecycle {
    precondition {
      condition     = length(local.unknown) == 0
      error_message = "`columns` in `access` names what is no source with a contract: ${join(", ", local.unknown)}."
    }
    precondition {
      condition     = length(var.administrators) > 0 || !anytrue(values(local.accounts))
      error_message = "A share across accounts takes version 4 of sharing, which is turned on with the list of Lake Formation's administrators: name them in `lake_formation_administrators`."
    }
  }

  depends_on = [aws_iam_role_policy.reader, aws_lakeformation_data_lake_settings.this]
}

# Snapshots of Aurora are tables where RDS wrote them.
resource "aws_lakeformation_resource" "exports" {
  count = length(var.export_keys) > 0 ? 1 : 0

  arn                   = "${local.raw}/raw/aurora-exports"
  role_arn              = aws_iam_role.reader.arn
  hybrid_access_enabled = true

  depends_on = [aws_iam_role_policy.reader, aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_lf_tag" "group" {
  for_each = local.tags

  key    = each.value
  values = ["no", "yes"]

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_resource_lf_tags" "closed" {
  database {
    name = var.database
  }

  dynamic "lf_tag" {
    for_each = aws_lakeformation_lf_tag.group
    content {
      key   = lf_tag.value.key
      value = "no"
    }
  }
}

# The machine that sets the tags of tables: it has to have the tags, and rights on tables that it could hand on. It cannot: it is not allowed
# to call Lake Formation for anything else.
resource "aws_lakeformation_permissions" "setter_tags" {
  for_each = aws_lakeformation_lf_tag.group

  principal   = var.setter_role_arn
  permissions = ["ASSOCIATE", "DESCRIBE"]

  lf_tag {
    key    = each.value.key
    values = ["no", "yes"]
  }
}

resource "aws_lakeformation_permissions" "setter_tables" {
  principal                     = var.setter_role_arn
  permissions                   = ["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"]
  permissions_with_grant_option = ["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"]

  table {
    database_name = var.database
    wildcard      = true
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "database" {
  for_each = local.principals

  principal                     = each.value
  permissions                   = ["DESCRIBE"]
  permissions_with_grant_option = local.accounts[each.value] ? ["DESCRIBE"] : null

  database {
    name = var.database
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "sources" {
  for_each = local.whole

  principal                     = each.value.principal
  permissions                   = ["DESCRIBE", "SELECT"]
  permissions_with_grant_option = local.accounts[each.value.principal] ? ["DESCRIBE", "SELECT"] : null

  table {
    database_name = var.database
    name          = each.value.table
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "columns" {
  for_each = local.partly

  principal                     = each.value.principal
  permissions                   = ["SELECT"]
  permissions_with_grant_option = local.accounts[each.value.principal] ? ["SELECT"] : null

  table_with_columns {
    database_name = var.database
    name          = var.tables[each.value.source]
    column_names  = each.value.columns
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "models" {
  for_each = local.members

  principal                     = each.value.principal
  permissions                   = ["DESCRIBE", "SELECT"]
  permissions_with_grant_option = local.accounts[each.value.principal] ? ["DESCRIBE", "SELECT"] : null

  lf_tag_policy {
    resource_type = "TABLE"

    expression {
      key    = aws_lakeformation_lf_tag.group[each.value.group].key
      values = ["yes"]
    }
  }
}

# Another account sees what it was given by a tag only when it may see the tag.
resource "aws_lakeformation_permissions" "account_tags" {
  for_each = { for key, member in local.members : key => member if local.accounts[member.principal] }

  principal                     = each.value.principal
  permissions                   = ["DESCRIBE"]
  permissions_with_grant_option = ["DESCRIBE"]

  lf_tag {
    key    = aws_lakeformation_lf_tag.group[each.value.group].key
    values = ["yes"]
  }
}

# From here on the principals are held to the grants above, in the database and all of its tables, those to come too.
resource "aws_lakeformation_opt_in" "database" {
  for_each = local.principals

  principal {
    data_lake_principal_identifier = each.value
  }

  resource_data {
    database {
      name = var.database
    }
  }

  depends_on = [aws_lakeformation_resource.lake, aws_lakeformation_resource.exports, aws_lakeformation_permissions.database]
}

resource "aws_lakeformation_opt_in" "tables" {
  for_each = local.principals

  principal {
    data_lake_principal_identifier = each.value
  }

  resource_data {
    table {
      database_name = var.database
      wildcard      = true
    }
  }

  depends_on = [aws_lakeformation_opt_in.database]
}
