# Who may read what.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                 = "test"
  bucket               = "test-lake"
  results_bucket       = "test-lake-results"
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
    readers = {
      principals = ["arn:aws:iam::111122223333:role/reader"]
      read       = ["models"]
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
    condition     = toset([for grant in aws_lakeformation_permissions.models : reverse(split("/", grant.principal))[0]]) == toset(["support", "both", "reader"])
    error_message = "models are granted to those who may read them"
  }
  assert {
    condition     = alltrue([for grant in aws_lakeformation_permissions.models : [for each in tolist(grant.lf_tag_policy)[0].expression : "${each.key}=${join(",", each.values)}"] == ["tarn-test=model"]])
    error_message = "models are granted by the tag that they inherit from the database"
  }
  assert {
    condition     = tolist(aws_lakeformation_resource_lf_tags.models.lf_tag)[0].value == "model" && alltrue([for tagged in aws_lakeformation_resource_lf_tags.sources : tolist(tagged.lf_tag)[0].value == "source"]) && length(aws_lakeformation_resource_lf_tags.sources) == 3
    error_message = "tables and views of sources are no models"
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
    condition     = length(aws_lakeformation_data_lake_settings.this) == 0
    error_message = "the account's administrators are left alone unless somebody is named"
  }
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
