# The topic that alarms of the lake go to. It is encrypted with a key of its own, because alarms cannot be published by AWS's own key.

locals {
  # Those that publish, each for this account only.
  publishers = concat(["cloudwatch.amazonaws.com"], var.budget == null ? [] : ["budgets.amazonaws.com"])
}

resource "aws_sns_topic" "alarms" {
  name              = local.topic_name
  display_name      = "Tarn: ${var.lake}"
  kms_master_key_id = aws_kms_key.alarms.arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Publish"
      Effect    = "Allow"
      Principal = { Service = local.publishers }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_kms_key" "alarms" {
  description             = "Alarms of the lake ${var.lake}"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Publish"
        Effect    = "Allow"
        Principal = { Service = local.publishers }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_kms_alias" "alarms" {
  name          = "alias/${local.topic_name}"
  target_key_id = aws_kms_key.alarms.key_id
}

# AWS asks each address whether it wants this.
resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

# What is no alarm, the budget's text, is for mail only. Which alarms Slack hears of by another way already, the function knows.
resource "aws_sns_topic_subscription" "slack" {
  count = var.slack_secret == null ? 0 : 1

  topic_arn      = aws_sns_topic.alarms.arn
  protocol       = "lambda"
  endpoint       = module.query_cost.arn
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.undelivered.arn })

  filter_policy_scope = "MessageBody"
  filter_policy       = jsonencode({ AlarmName = [{ exists = true }] })

  depends_on = [aws_lambda_permission.topic, aws_sqs_queue_policy.undelivered]
}

resource "aws_lambda_permission" "topic" {
  count = var.slack_secret == null ? 0 : 1

  statement_id   = "alarms"
  function_name  = module.query_cost.name
  action         = "lambda:InvokeFunction"
  principal      = "sns.amazonaws.com"
  source_arn     = aws_sns_topic.alarms.arn
  source_account = local.account
}
