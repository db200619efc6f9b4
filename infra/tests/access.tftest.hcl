# Who may read what.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                 = "test"
  bucket               = "test-lake"
  raw_bucket           = "test-raw"
  results_bucket       = "test-lake-results"
  setter_role_arn      = "arn:aws:iam::111122223333:role/tarn-test-model-machine"
  administrators       = ["arn:aws:iam::111122223333:role/administrator"]
  database             = "tarn_test"
  tables               = { customers = "customers", orders = "orders" }
  views                = { orders = "orders_current" }
  people_workgroup_arn = "arn:aws:athena:ap-northeast-1:111122223333:workgroup/tarn-test-people"
  access = {
    analysts = {
      principals = ["arn:aws:iam::111122223333:role/analyst", "444455556666"]
      read       = ["sources"]
      columns    = { customers = ["customer_id", "city"] }
    }
    support = {
      principals = ["arn:aws:iam::111122223333:role/support", "arn:aws:iam::111122223333:role/both"]
      read       = ["models", "sources"]
    }
    also = {
      principals = ["arn:aws:iam::111122223333:role/both"]
      read       = ["sources"]
      columns    = { orders = ["order_id"] }
    }
    bi = {
      principals = ["arn:aws:iam::111122223333:role/reader", "444455556666"]
      read       = ["views", "tag:bi"]
    }
  }
}

run "grants" {
  command = plan

  module {
    source = "./modules/access"
  }

  assert {
    condition = sort([for grant in aws_lakeformation_permissions.sources : "${reverse(split("/", grant.principal))[0]} ${grant.table[0].name}"]) == tolist([
      "444455556666 orders", "444455556666 orders_current", "analyst orders", "analyst orders_current", "both customers", "both orders", "both orders_current",
      "support customers", "support orders", "support orders_current",
    ])
    error_message = "sources are granted whole, unless all groups of a principal name columns"
  }
  assert {
    condition     = toset([for grant in aws_lakeformation_permissions.columns : "${reverse(split("/", grant.principal))[0]} ${grant.table_with_columns[0].name} ${join(",", sort(grant.table_with_columns[0].column_names))}"]) == toset(["analyst customers city,customer_id", "444455556666 customers city,customer_id"])
    error_message = "where columns are named, only these are granted"
  }
  assert {
    condition = toset([
      for grant in aws_lakeformation_permissions.models : "${reverse(split("/", grant.principal))[0]} ${join(" ", [for each in tolist(grant.lf_tag_policy)[0].expression : "${each.key}=${join(",", each.values)}"])}"
    ]) == toset(["support tarn-test-support=yes", "both tarn-test-support=yes", "reader tarn-test-bi=yes", "444455556666 tarn-test-bi=yes"])
    error_message = "models are granted by the tag of the group, to those groups that read any"
  }
  assert {
    condition     = toset([for tag in aws_lakeformation_resource_lf_tags.closed.lf_tag : "${tag.key}=${tag.value}"]) == toset(["tarn-test-also=no", "tarn-test-analysts=no", "tarn-test-bi=no", "tarn-test-support=no"])
    error_message = "what is made in the database is open to nobody until it is published"
  }
  assert {
    condition     = alltrue([for grant in aws_lakeformation_permissions.setter_tags : grant.principal == var.setter_role_arn && contains(grant.permissions, "ASSOCIATE")]) && length(aws_lakeformation_permissions.setter_tags) == 4
    error_message = "the machine that publishes may set the tags of all groups"
  }
  assert {
    condition     = toset(aws_lakeformation_permissions.setter_tables.permissions_with_grant_option) == toset(["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"])
    error_message = "Lake Formation lets those set tags who could hand on all rights on a table"
  }
  assert {
    condition = alltrue([
      for grant in concat(values(aws_lakeformation_permissions.models), values(aws_lakeformation_permissions.sources), values(aws_lakeformation_permissions.columns), values(aws_lakeformation_permissions.database)) :
      toset(grant.permissions_with_grant_option) == toset(grant.permissions) if grant.principal == "444455556666"
    ])
    error_message = "an account may hand on all that it was given"
  }
  assert {
    condition     = [for grant in aws_lakeformation_permissions.account_tags : "${grant.principal} ${grant.lf_tag[0].key}"] == ["444455556666 tarn-test-bi"]
    error_message = "an account sees the tag by which it was given something"
  }
  assert {
    condition     = [for principal, is_account in local.accounts : principal if is_account] == ["444455556666"]
    error_message = "another account hands on what it was given; a role does not"
  }
  assert {
    condition     = aws_lakeformation_resource.lake.hybrid_access_enabled && length(aws_lakeformation_opt_in.database) == 5 && alltrue([for opted in aws_lakeformation_opt_in.tables : opted.resource_data[0].table[0].wildcard])
    error_message = "those who are named are held to their grants, in all tables, and nobody else is"
  }
  assert {
    condition     = aws_lakeformation_data_lake_settings.this[0].parameters.CROSS_ACCOUNT_VERSION == "4"
    error_message = "shares across accounts are of the version that knows tags and hybrid mode"
  }
  assert {
    condition     = length(aws_lakeformation_resource.exports) == 0 && !contains(data.aws_iam_policy_document.reader.statement[*].sid, "DecryptExports")
    error_message = "a lake without exports has no rights on any"
  }
}

run "exports_of_aurora" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    export_keys = ["arn:aws:kms:ap-northeast-1:111122223333:key/00000000-0000-0000-0000-000000000000"]
  }

  assert {
    condition     = aws_lakeformation_resource.exports[0].arn == "arn:aws:s3:::test-raw/raw/aurora-exports" && aws_lakeformation_resource.exports[0].hybrid_access_enabled
    error_message = "exports are handed out where RDS wrote them"
  }
  assert {
    condition = { for statement in data.aws_iam_policy_document.reader.statement : statement.sid => one(statement.resources) if endswith(statement.sid, "Exports") } == {
      ReadExports    = "arn:aws:s3:::test-raw/raw/aurora-exports/*"
      FindExports    = "arn:aws:s3:::test-raw"
      DecryptExports = "arn:aws:kms:ap-northeast-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    }
    error_message = "who hands out exports reads and decrypts them"
  }
}

run "nobody_administers" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    administrators = []
    access         = { bi = { principals = ["arn:aws:iam::111122223333:role/reader"], read = ["views"] } }
  }

  assert {
    condition     = length(aws_lakeformation_data_lake_settings.this) == 0
    error_message = "the account's administrators are left alone unless somebody is named"
  }
}

run "an_account_without_administrators" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    administrators = []
  }

  expect_failures = [aws_lakeformation_resource.lake]
}

run "columns_of_sources_that_are_not_read" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    access = { analysts = { principals = ["111122223333"], read = ["models"], columns = { customers = ["city"] } } }
  }

  expect_failures = [var.access]
}

run "a_name_that_is_no_tag" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    access = { Analysts = { principals = ["111122223333"], read = ["models"] } }
  }

  expect_failures = [var.access]
}

run "a_column_of_nothing" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    access = { analysts = { principals = ["111122223333"], read = ["sources"], columns = { clients = ["id"] } } }
  }

  expect_failures = [aws_lakeformation_resource.lake]
}

run "a_principal_that_is_none" {
  command = plan

  module {
    source = "./modules/access"
  }

  variables {
    access = { analysts = { principals = ["analyst"], read = ["everything"] } }
  }

  expect_failures = [var.access]
}
