# The root reads the lake's own files.

mock_provider "aws" {
  source = "./tests/mocks"

  mock_data "aws_dynamodb_table" {
    defaults = {
      stream_enabled = true
      stream_arn     = "arn:aws:dynamodb:ap-northeast-1:111122223333:table/mock/stream/2026-11-01T00:00:00.000"
    }
  }
}

variables {
  functions = "tests/functions"
}

run "a_whole_lake" {
  command = plan

  variables {
    lake = "tests/lakes/whole"
  }

  assert {
    condition     = output.bucket == "test-lake" && output.raw_bucket == "test-arrived" && output.database == "tarn_test" && output.workgroup == "tarn-test" && output.people_workgroup == "tarn-test-people"
    error_message = "names are the lake's, or follow from its name"
  }
  assert {
    condition     = keys(local.sources) == ["clicks", "customers", "orders"] && local.sources.customers.file == "sources/people.yaml"
    error_message = "a source has its file's name unless it says another"
  }
  assert {
    condition     = local.streams.clicks.partition == "day" && local.streams.clicks.buffer_mb == 64 && local.tables.orders.table == "prod-orders"
    error_message = "sources are as their files say"
  }
  assert {
    condition     = local.scan_limit == 1500000000000 && local.people_scan_limit == 100000000000
    error_message = "sizes are read as `tarn` reads them"
  }
  assert {
    condition     = output.streams == { clicks = "tarn-test-clicks" } && length(module.access) == 1
    error_message = "what the lake says is declared"
  }
  assert {
    condition     = local.alarm_topic_arn == "arn:aws:sns:ap-northeast-1:111122223333:tarn-test-alarms"
    error_message = "alarms go to the lake's topic"
  }
}

run "a_lake_without_a_bucket" {
  command = plan

  variables {
    lake = "tests/lakes/no_bucket"
  }

  expect_failures = [terraform_data.checked, check.raw_bucket_is_written]
}

run "a_lake_that_is_wrong" {
  command = plan

  variables {
    lake              = "tests/lakes/wrong"
    people_scan_limit = "much"
    table_filters     = { clicks = [{ eventName = ["INSERT"] }] }
  }

  expect_failures = [terraform_data.checked, check.tables_are_deployed]
}

run "no_lake_at_all" {
  command = plan

  variables {
    lake = "tests/lakes"
  }

  expect_failures = [var.lake]
}
