# A lake on AWS. Everything follows from the lake's own files (locals.tf); a new source, schedule or mart needs no change here.
#
#   lake.tf            buckets, catalogue, workgroups
#   ingest.tf          streams and tables flow in
#   orchestration.tf   plan, models, schedules
#   mart.tf            loads into relational databases
#   snapshots.tf       exports of Aurora flow in
#   alerts.tf          costs, failures, budgets
#   access.tf          who may read what

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# The lake's files are checked before anything is made of them. `tarn check` says more, and where.
resource "terraform_data" "checked" {
  input = local.name

  lifecycle {
    precondition {
      condition     = can(regex("^[a-z0-9_]+$", local.name))
      error_message = "The lake's name `${local.name}` goes into names on AWS, which have lower-case letters of a to z, digits and `_`."
    }
    precondition {
      condition     = can(tostring(local.config.aws.bucket))
      error_message = "`tarn.yaml` does not say where the lake is deployed. Add `aws: {bucket: …, raw_bucket: …}` to it."
    }
    precondition {
      condition     = local.raw_bucket != local.bucket
      error_message = "`aws.raw_bucket` and `aws.bucket` are both `${local.bucket}`. What arrived has a bucket of its own, with versions and its own rights: give it another name."
    }
    precondition {
      condition     = length(local.unknown_kinds) == 0
      error_message = "These sources have no kind that there is: ${join(", ", local.unknown_kinds)}. Kinds are stream, table and snapshot."
    }
    precondition {
      condition     = length(local.streams_without_contract) == 0
      error_message = "These streams have no contract: ${join(", ", local.streams_without_contract)}. Firehose makes Parquet of rows by the contract's columns: add `columns` to their files."
    }
    precondition {
      condition     = length(local.tables_without_key) == 0
      error_message = "These tables have no key: ${join(", ", local.tables_without_key)}. Name the columns that identify an item: `key: [order_id]`."
    }
    precondition {
      condition     = length(distinct(values(local.tables)[*].table)) == length(local.tables)
      error_message = "Two sources name the same DynamoDB table in `aws.table`."
    }
    precondition {
      condition     = local.scan_limit != null || !can(local.config.athena.scan_limit)
      error_message = "`athena.scan_limit` is a number and a unit, like `100 GB`."
    }
    precondition {
      condition     = local.people_scan_limit != null
      error_message = "The variable `people_scan_limit` is a number and a unit, like `100 GB`."
    }
    precondition {
      condition     = length(local.filters_of_nothing) == 0
      error_message = "`table_filters` names what is no table that is deployed: ${join(", ", local.filters_of_nothing)}."
    }
  }
}

locals {
  unknown_kinds = [
    for name, source in local.sources : "`${name}` in ${source.file} (`${source.kind}`)" if !contains(["stream", "table", "snapshot"], source.kind)
  ]
  streams_without_contract = [for name, source in local.sources : "`${name}`" if source.kind == "stream" && !source.has_contract]
  tables_without_key       = [for name, source in local.sources : "`${name}`" if source.kind == "table" && length(source.key) == 0]
  filters_of_nothing       = [for name in keys(var.table_filters) : "`${name}`" if !contains(keys(local.tables), name)]
}

check "raw_bucket_is_written" {
  assert {
    condition     = can(local.config.aws.raw_bucket)
    error_message = "`tarn.yaml` has no `aws.raw_bucket`: the bucket `${local.raw_bucket}` is made, but `tarn` looks for what arrived in `${local.bucket}`. Write `raw_bucket: ${local.raw_bucket}`."
  }
}

check "tables_are_deployed" {
  assert {
    condition     = alltrue([for source in values(local.sources) : source.kind != "table" || source.table != null])
    error_message = "A source of kind table without `aws: {table: …}` gets no changes: nobody says which DynamoDB table it is."
  }
}
