# The machines' rights end where their children's names begin, and a schedule fires once into the right machine.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  prefix         = "tarn-shop"
  bucket         = "shop-lake"
  raw_bucket     = "shop-raw"
  results_bucket = "shop-lake-results"
  database       = "tarn_shop"
  workgroup      = "tarn-shop"
  functions      = "tests/functions"
  machines       = "../statemachines"
  timezone       = "Asia/Tokyo"
  marts          = ["reporting"]
  schedules      = { nightly = { cron = "15 3 * * ? *" } }
}

run "schedules" {
  module {
    source = "./modules/orchestration"
  }

  assert {
    condition     = aws_scheduler_schedule.this["nightly"].schedule_expression == "cron(15 3 * * ? *)"
    error_message = "the schedule's cron is the lake's"
  }
  assert {
    condition     = aws_scheduler_schedule.this["nightly"].schedule_expression_timezone == "Asia/Tokyo"
    error_message = "schedules fire in the lake's time zone"
  }
  assert {
    condition     = aws_scheduler_schedule.this["nightly"].flexible_time_window[0].mode == "OFF"
    error_message = "a schedule fires at its time"
  }
  assert {
    condition     = aws_scheduler_schedule.this["nightly"].target[0].dead_letter_config[0].arn == aws_sqs_queue.missed.arn
    error_message = "what cannot be delivered is kept"
  }
  assert {
    condition = jsondecode(aws_scheduler_schedule.this["nightly"].target[0].input) == {
      schedule = "nightly"
      time     = "<aws.scheduler.scheduled-time>"
      machine  = output.machines.workflow
      input    = { schedule = "nightly", time = "<aws.scheduler.scheduled-time>" }
    }
    error_message = "the input names what is started, and with what"
  }
  assert {
    condition     = strcontains(aws_scheduler_schedule.this["nightly"].target[0].input, "\"<aws.scheduler.scheduled-time>\"")
    error_message = "Scheduler finds its keyword only unescaped"
  }
}

run "a_schedule_without_cron_fields" {
  command = plan

  module {
    source = "./modules/orchestration"
  }

  variables {
    schedules = { nightly = { cron = "15 3 * * *" } }
  }

  expect_failures = [var.schedules]
}
