# Streams by Firehose, tables by the streams of DynamoDB.

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
  name          = "test"
  bucket        = "test-lake"
  raw_bucket    = "test-arrived"
  database      = "tarn_test"
  glue_tables   = { clicks = "clicks", beats = "beats", orders = "orders" }
  timezone      = "Asia/Tokyo"
  functions     = "tests/functions"
  streams       = { clicks = { partition = "on", buffer_mb = 64, buffer_seconds = 60 }, beats = {} }
  tables        = { orders = { table = "prod-orders", table_key = "arn:aws:kms:ap-northeast-1:111122223333:key/orders" }, carts = { table = "prod-carts" } }
  table_filters = { carts = [{ eventName = ["INSERT"] }, { eventName = ["REMOVE"] }] }
}

run "streams" {
  command = apply

  module {
    source = "./modules/ingest"
  }

  assert {
    condition     = output.streams == { clicks = "tarn-test-clicks", beats = "tarn-test-beats" }
    error_message = "delivery streams are named after their sources"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this["clicks"].extended_s3_configuration[0].prefix == "source/clicks/on=!{partitionKeyFromLambda:on}/"
    error_message = "where the source is partitioned by a column the function tells the day"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this["beats"].extended_s3_configuration[0].prefix == "source/beats/day=!{timestamp:yyyy-MM-dd}/" && aws_kinesis_firehose_delivery_stream.this["beats"].extended_s3_configuration[0].custom_time_zone == "Asia/Tokyo"
    error_message = "else it is the day of arrival, in the lake's zone"
  }
  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.this["clicks"].extended_s3_configuration[0].dynamic_partitioning_configuration) == 1 && length(aws_kinesis_firehose_delivery_stream.this["beats"].extended_s3_configuration[0].dynamic_partitioning_configuration) == 0
    error_message = "partitions by a column cost, and are there only where the source has them"
  }
  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this["clicks"].extended_s3_configuration[0].buffering_size == 64 && aws_kinesis_firehose_delivery_stream.this["beats"].extended_s3_configuration[0].buffering_size == 128
    error_message = "the buffer is the source's"
  }
  assert {
    condition = alltrue([
      for stream in aws_kinesis_firehose_delivery_stream.this :
      stream.extended_s3_configuration[0].s3_backup_mode == "Enabled" && stream.extended_s3_configuration[0].s3_backup_configuration[0].bucket_arn == "arn:aws:s3:::test-arrived"
    ])
    error_message = "what arrives is kept as it came"
  }
  assert {
    condition     = startswith(aws_kinesis_firehose_delivery_stream.this["clicks"].extended_s3_configuration[0].s3_backup_configuration[0].prefix, "raw/clicks/")
    error_message = "the raw zone is where `tarn` looks for it"
  }
  assert {
    condition = flatten([for statement in data.aws_iam_policy_document.delivery["clicks"].statement : tolist(statement.resources) if statement.sid == "WriteObjects"]) == [
      "arn:aws:s3:::test-arrived/errors/clicks/*", "arn:aws:s3:::test-arrived/raw/clicks/*", "arn:aws:s3:::test-lake/errors/clicks/*", "arn:aws:s3:::test-lake/source/clicks/*",
    ]
    error_message = "a delivery stream writes below its own prefixes"
  }
}

run "tables" {
  command = apply

  module {
    source = "./modules/ingest"
  }

  assert {
    condition     = keys(aws_lambda_event_source_mapping.changes) == ["carts", "orders"]
    error_message = "each table's changes come in"
  }
  assert {
    condition = alltrue([
      for mapping in aws_lambda_event_source_mapping.changes :
      mapping.bisect_batch_on_function_error && contains(mapping.function_response_types, "ReportBatchItemFailures") && mapping.maximum_retry_attempts > 0 && mapping.maximum_record_age_in_seconds == 43200
    ])
    error_message = "a batch that fails is cut, tried again for half a day, and given up before DynamoDB forgets it"
  }
  assert {
    condition     = alltrue([for mapping in aws_lambda_event_source_mapping.changes : mapping.destination_config[0].on_failure[0].destination_arn != null])
    error_message = "what is given up is told to a queue"
  }
  assert {
    condition     = toset([for filter in aws_lambda_event_source_mapping.changes["carts"].filter_criteria[0].filter : filter.pattern]) == toset([jsonencode({ eventName = ["INSERT"] }), jsonencode({ eventName = ["REMOVE"] })]) && length(aws_lambda_event_source_mapping.changes["orders"].filter_criteria) == 0
    error_message = "only what a filter names is left out"
  }
  assert {
    condition     = one(local.table_keys) == "arn:aws:kms:ap-northeast-1:111122223333:key/orders"
    error_message = "a stream of a table with a key of its owner's is decrypted with that key, and with no other"
  }
  assert {
    condition     = toset([for notice in aws_s3_bucket_notification.kept[0].lambda_function : notice.filter_prefix]) == toset(["raw/carts/", "raw/orders/"])
    error_message = "one list of notices has all tables, and no streams"
  }
  assert {
    condition     = aws_lambda_permission.kept[0].source_arn == "arn:aws:s3:::test-arrived" && aws_lambda_permission.kept[0].source_account == "111122223333"
    error_message = "only this bucket of this account calls the function"
  }
}

run "nothing_comes_in" {
  command = plan

  module {
    source = "./modules/ingest"
  }

  variables {
    streams       = {}
    tables        = {}
    table_filters = {}
  }

  assert {
    condition     = length(aws_s3_bucket_notification.kept) == 0 && length(output.functions) == 0
    error_message = "without sources nothing is made"
  }
}

run "a_table_without_a_stream" {
  command = plan

  module {
    source = "./modules/ingest"
  }

  override_data {
    target = data.aws_dynamodb_table.this["orders"]
    values = { stream_enabled = false, stream_arn = "" }
  }

  expect_failures = [data.aws_dynamodb_table.this["orders"]]
}

run "a_buffer_that_firehose_does_not_take" {
  command = plan

  module {
    source = "./modules/ingest"
  }

  variables {
    streams = { clicks = { buffer_mb = 1, buffer_seconds = 5 } }
  }

  expect_failures = [var.streams]
}
