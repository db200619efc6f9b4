# One Lambda function with all that belongs to it: a role of its own, a log, a queue for what fails, alarms.

data "aws_caller_identity" "current" {}

locals {
  in_vpc = var.vpc != null
  alarms = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50: runs are traced by their state machines; what a function spent its time on is in the closing line of each invocation
  #checkov:skip=CKV_AWS_173: settings are no secrets, and secrets are no settings: they are named here and read from Secrets Manager
  #checkov:skip=CKV_AWS_272: zips are built from this repository by whoever deploys; there is nobody else to sign for them
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  filename                       = var.zip
  source_code_hash               = fileexists(var.zip) ? filebase64sha256(var.zip) : null
  handler                        = "bootstrap"
  runtime                        = "provided.al2023"
  architectures                  = [var.architecture]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency == null ? -1 : var.reserved_concurrency
  tags                           = var.tags

  environment {
    variables = var.environment
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
    log_group             = aws_cloudwatch_log_group.this.name
  }

  dynamic "dead_letter_config" {
    for_each = aws_sqs_queue.dead_letters
    content {
      target_arn = dead_letter_config.value.arn
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnets
      security_group_ids = vpc_config.value.security_groups
    }
  }

  # Lambda looks at the role's rights when the function is made.
  depends_on = [aws_iam_role_policy.this, aws_iam_role_policy.vpc]

  lifecycle {
    precondition {
      condition     = fileexists(var.zip)
      error_message = "There is no `${var.zip}`, the program of `${var.name}`. Build it with `make build`, or name the folder of the zips in the variable `functions`."
    }
    # Lambda takes 4 KB of environment; names, values and their separators count.
    precondition {
      condition     = length(jsonencode(var.environment)) <= 4096
      error_message = "The settings of `${var.name}` are more than the 4 KB that Lambda takes."
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: CloudWatch encrypts logs with its own key; rows of the lake are not logged
  #checkov:skip=CKV_AWS_338: how long logs are kept is the user's to say, in `log_retention_days`
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# What failed for good waits here for two weeks, the longest that SQS keeps anything, for somebody to look.
resource "aws_sqs_queue" "dead_letters" {
  count = var.dead_letter ? 1 : 0

  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}
