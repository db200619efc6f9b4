# Buckets, workgroups and the tables of sources.

mock_provider "aws" {
  source = "./tests/mocks"

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::mock" }
  }
}

variables {
  name              = "test"
  bucket            = "test-lake"
  raw_bucket        = "test-arrived"
  results_bucket    = "test-lake-results"
  database          = "tarn_test"
  workgroup         = "tarn-test"
  people_workgroup  = "tarn-test-people"
  scan_limit        = 100000000000
  people_scan_limit = 10000000000
  sources = {
    clicks = {
      kind         = "stream"
      description  = "What visitors do"
      has_contract = true
      partition    = "on"
      columns = [
        { name = "id", type = "string", description = "Unique" },
        { name = "size", type = " DECIMAL( 12 , 2 ) " },
        { name = "whole", type = "numeric(7)" },
        { name = "short", type = "varchar(20)" },
        { name = "body", type = "json" },
        { name = "ratio", type = "real" },
        { name = "number", type = "integer" },
        { name = "picture", type = "varbinary" },
      ]
    }
    orders = {
      kind         = "table"
      key          = ["order_id", "line"]
      has_contract = true
      columns      = [{ name = "order_id", type = "string" }, { name = "line", type = "int" }, { name = "made", type = "timestamp" }]
    }
    customers = {
      kind         = "snapshot"
      has_contract = true
      columns      = [{ name = "customer_id", type = "bigint" }]
    }
    unknown  = { kind = "table", key = ["id"], has_contract = false, columns = [] }
    invoices = { kind = "snapshot", cluster = "crm", has_contract = false, columns = [] }
  }
}

run "buckets_and_workgroups" {
  command = plan

  module {
    source = "./modules/lake"
  }

  assert {
    condition     = toset([for bucket in aws_s3_bucket.this : bucket.bucket]) == toset(["test-lake", "test-arrived", "test-lake-results"])
    error_message = "what arrived, what was made of it and results are apart"
  }
  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : !bucket.force_destroy]) && !aws_athena_workgroup.runs.force_destroy
    error_message = "nothing is removed with what is in it unless asked"
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "no bucket is public"
  }
  assert {
    condition = alltrue([
      for document in data.aws_iam_policy_document.tls_only : document.statement[0].effect == "Deny" && tolist(document.statement[0].condition)[0].variable == "aws:SecureTransport"
    ])
    error_message = "every bucket is talked to over TLS"
  }
  assert {
    condition     = aws_s3_bucket_versioning.raw.versioning_configuration[0].status == "Enabled"
    error_message = "what arrived has versions"
  }
  assert {
    condition     = alltrue([for lifecycle in aws_s3_bucket_lifecycle_configuration.this : lifecycle.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 7])
    error_message = "uploads that were broken off are removed"
  }
  assert {
    condition = {
      for name, lifecycle in aws_s3_bucket_lifecycle_configuration.this : name => [for rule in lifecycle.rule : rule.id]
      } == {
      lake    = ["abort-uploads", "expire-rows-for-marts"]
      raw     = ["abort-uploads", "expire-old-versions"]
      results = ["abort-uploads", "expire-results"]
    }
    error_message = "only results, old versions and what a killed load left are removed by age"
  }
  assert {
    condition     = !aws_athena_workgroup.runs.configuration[0].enforce_workgroup_configuration && aws_athena_workgroup.people.configuration[0].enforce_workgroup_configuration
    error_message = "Athena refuses tables at places of their own where a workgroup insists on its settings: people's does, that of runs does not"
  }
  assert {
    condition     = aws_athena_workgroup.runs.configuration[0].bytes_scanned_cutoff_per_query == 100000000000 && aws_athena_workgroup.people.configuration[0].bytes_scanned_cutoff_per_query == 10000000000
    error_message = "runs and people have limits of their own"
  }
  assert {
    condition     = length(aws_glue_crawler.undescribed) == 0 && length(aws_iam_role.crawler) == 0
    error_message = "there is no crawler unless asked"
  }
}

run "tables" {
  command = plan

  module {
    source = "./modules/lake"
  }

  assert {
    condition = {
      for column in aws_glue_catalog_table.arriving["clicks"].storage_descriptor[0].columns : column.name => column.type
      } == {
      id = "string", size = "decimal(12,2)", whole = "decimal(7,0)", short = "string", body = "string", ratio = "float", number = "int", picture = "binary", _id = "string", _extra = "string"
    }
    error_message = "types are Glue's, and what every stream has comes after the contract"
  }
  assert {
    condition = {
      for name, value in aws_glue_catalog_table.arriving["clicks"].parameters : name => value
      } == {
      EXTERNAL                      = "TRUE"
      classification                = "parquet"
      "tarn.kind"                   = "source"
      "tarn.deployed_by"            = "terraform"
      "projection.enabled"          = "true"
      "projection.on.type"          = "date"
      "projection.on.range"         = "2015-01-01,NOW+1DAYS"
      "projection.on.format"        = "yyyy-MM-dd"
      "projection.on.interval"      = "1"
      "projection.on.interval.unit" = "DAYS"
      "storage.location.template"   = "s3://test-lake/source/clicks/on=$${on}/"
    }
    error_message = "readers look for a folder per day, tomorrow's of UTC too, which may be today's of the lake"
  }
  assert {
    condition     = aws_glue_catalog_table.arriving["orders"].partition_keys[0].name == "day" && aws_glue_catalog_table.arriving["orders"].partition_keys[0].type == "date"
    error_message = "without a rule the partition is the day of arrival"
  }
  assert {
    condition     = [for column in aws_glue_catalog_table.arriving["orders"].storage_descriptor[0].columns : column.name] == ["order_id", "line", "made", "_op", "_ttl", "_seq", "_at", "_extra"]
    error_message = "a table's changes have what every change has"
  }
  assert {
    condition     = keys(aws_glue_catalog_table.snapshots) == ["customers"] && aws_glue_catalog_table.snapshots["customers"].storage_descriptor[0].location == "s3://test-lake/source/customers/"
    error_message = "a snapshot is one folder"
  }
  assert {
    condition     = !contains(keys(aws_glue_catalog_table.snapshots["customers"].parameters), "tarn.deployed_by")
    error_message = "exports change a snapshot's table, so it is not Terraform's alone"
  }
  assert {
    condition     = keys(output.tables) == ["clicks", "customers", "orders"] && keys(output.views) == ["orders"]
    error_message = "a source without a contract has no table before something came in"
  }
}

run "views" {
  command = plan

  module {
    source = "./modules/lake"
  }

  assert {
    condition = jsondecode(base64decode(split(" ", aws_glue_catalog_table.current["orders"].view_original_text)[3])) == {
      catalog = "awsdatacatalog"
      schema  = "tarn_test"
      columns = [
        { name = "order_id", type = "varchar" }, { name = "line", type = "integer" }, { name = "made", type = "timestamp(3)" },
        { name = "_op", type = "varchar" }, { name = "_ttl", type = "boolean" }, { name = "_seq", type = "decimal(38,0)" },
        { name = "_at", type = "timestamp(3)" }, { name = "_extra", type = "varchar" }, { name = "day", type = "date" },
      ]
      originalSql = trimspace(<<-SQL
        select
          "order_id",
          "line",
          "made",
          "_op",
          "_ttl",
          "_seq",
          "_at",
          "_extra",
          "day"
        from (
          select
            *,
            row_number() over (
              partition by "order_id", "line"
              order by "_seq" desc
            ) as "_tarn_rank"
          from "orders"
        ) as ranked
        where "_tarn_rank" = 1
          and "_op" <> 'remove'
      SQL
      )
    }
    error_message = "the view is what `tarn push` makes of the contract"
  }
}

run "a_crawler_when_asked" {
  command = plan

  module {
    source = "./modules/lake"
  }

  variables {
    crawler_schedule = "cron(30 18 * * ? *)"
  }

  assert {
    condition     = [for target in aws_glue_crawler.undescribed[0].s3_target : target.path] == ["s3://test-lake/source/unknown/"]
    error_message = "the crawler looks at sources without a contract only, and not at those that lie where Aurora exported them"
  }
  assert {
    condition     = aws_glue_crawler.undescribed[0].schema_change_policy[0].update_behavior == "UPDATE_IN_DATABASE" && jsondecode(aws_glue_crawler.undescribed[0].configuration).CrawlerOutput.Tables.AddOrUpdateBehavior == "MergeNewColumns"
    error_message = "new columns are added, and what is known stays"
  }
}

run "a_type_that_there_is_not" {
  command = plan

  module {
    source = "./modules/lake"
  }

  variables {
    sources = {
      clicks = { kind = "stream", has_contract = true, columns = [{ name = "id", type = "text" }] }
    }
  }

  expect_failures = [aws_glue_catalog_table.arriving["clicks"]]
}

run "a_limit_that_athena_does_not_take" {
  command = plan

  module {
    source = "./modules/lake"
  }

  variables {
    scan_limit = 1000
  }

  expect_failures = [var.scan_limit]
}
