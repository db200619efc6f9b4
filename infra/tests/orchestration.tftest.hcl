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

override_module {
  target  = module.workflow
  outputs = { arn = "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-workflow", alarms = ["tarn-shop-workflow-failures"] }
}

override_module {
  target  = module.model
  outputs = { arn = "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-model", role_arn = "arn:aws:iam::111122223333:role/tarn-shop-model-machine", alarms = ["tarn-shop-model-failures"] }
}

override_module {
  target  = module.schedule
  outputs = { arn = "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-schedule", alarms = ["tarn-shop-schedule-failures"] }
}

run "schedules" {
  module {
    source = "./modules/orchestration"
  }

  assert {
    condition     = aws_scheduler_schedule.this["nightly"].target[0].arn == "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-schedule"
    error_message = "a schedule fires into the machine that starts once"
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
      machine  = "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-workflow"
      input    = { schedule = "nightly", time = "<aws.scheduler.scheduled-time>" }
    }
    error_message = "the input names what is started, and with what"
  }
  assert {
    condition     = strcontains(aws_scheduler_schedule.this["nightly"].target[0].input, "\"<aws.scheduler.scheduled-time>\"")
    error_message = "Scheduler finds its keyword only unescaped"
  }
}

run "exports" {
  module {
    source = "./modules/orchestration"
  }

  variables {
    schedules          = { crm = { cron = "0 2 * * ? *", export = "crm" } }
    export_machine_arn = "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-aurora-export"
    export_keys        = ["arn:aws:kms:ap-northeast-1:111122223333:key/00000000-0000-0000-0000-000000000000"]
  }

  assert {
    condition = jsondecode(aws_scheduler_schedule.this["crm"].target[0].input) == {
      schedule = "crm"
      time     = "<aws.scheduler.scheduled-time>"
      machine  = "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-aurora-export"
      input    = { schedule = "crm", cluster = "crm", time = "<aws.scheduler.scheduled-time>" }
    }
    error_message = "a schedule with a cluster starts its export"
  }
  assert {
    condition     = one([for statement in local.queries : one(statement.resources) if statement.sid == "DecryptExports"]) == var.export_keys[0]
    error_message = "models that read exports decrypt them"
  }
}

run "rights" {
  module {
    source = "./modules/orchestration"
  }

  assert {
    condition     = alltrue(flatten([for statement in local.queries : [for resource in statement.resources : resource != "*"]]))
    error_message = "every right on data names its resources"
  }
  assert {
    condition     = local.mart_loads == ["arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-mart-load-reporting"]
    error_message = "only marts that are deployed are loaded"
  }
  assert {
    condition = length(setsubtract(
      ["tarn-shop-missed-schedules", "tarn-shop-workflow-failures", "tarn-shop-backfill-failures", "tarn-shop-athena-ctas-errors", "tarn-shop-workflow-plan-throttles"],
      output.alarms,
    )) == 0
    error_message = "the dashboard is told of every alarm"
  }
  assert {
    condition     = !contains(local.queries[*].sid, "DecryptExports")
    error_message = "a lake without exports has no rights on any"
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

run "a_schedule_whose_name_is_too_long" {
  command = plan

  module {
    source = "./modules/orchestration"
  }

  variables {
    schedules = { the_first_run_of_the_day_that_has_a_name_as_long_as_a_sentence = { cron = "15 3 * * ? *" } }
  }

  expect_failures = [var.schedules]
}
