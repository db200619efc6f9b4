# What is told to people: the topic of alarms, and the function that counts costs and writes to Slack.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Looked up, so that a name that is misspelt is found before there is something to tell; its value is not read.
data "aws_secretsmanager_secret" "slack" {
  for_each = toset([for secret in var.slack_secret[*] : secret if !startswith(secret, "arn:")])

  name = each.value
}

locals {
  account    = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.name
  partition  = data.aws_partition.current.partition
  lake_arn   = "arn:${local.partition}:s3:::${var.bucket}"
  topic_name = "${var.prefix}-alarms"
  topic_arn  = "arn:${local.partition}:sns:${local.region}:${local.account}:${local.topic_name}"
  workgroups = [for name in var.workgroups : "arn:${local.partition}:athena:${local.region}:${local.account}:workgroup/${name}"]
  machines   = [for name in var.told_machines : "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${var.prefix}-${name}"]

  secret_arn = startswith(coalesce(var.slack_secret, "-"), "arn:") ? var.slack_secret : one(values(data.aws_secretsmanager_secret.slack)[*].arn)
}

module "query_cost" {
  source = "../function"

  name               = "${var.prefix}-query-cost"
  description        = "What queries cost, by model, run, user and day; tells Slack of what is dear, and of what failed"
  zip                = "${var.functions}/query-cost.zip"
  architecture       = var.architecture
  memory_mb          = 256
  timeout_seconds    = 60
  dead_letter        = true
  alarm_topic_arn    = local.topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags

  environment = merge(
    { TARN_BUCKET = var.bucket, TARN_RAW_BUCKET = var.raw_bucket, TARN_WORKGROUP = var.workgroups[0] },
    { for secret in var.slack_secret[*] : "TARN_SLACK_SECRET" => secret },
  )

  statements = concat([
    { sid = "LookAtQueries", actions = ["athena:GetQueryExecution"], resources = local.workgroups },
    { sid = "LookAtExecutions", actions = ["states:DescribeExecution"], resources = [for arn in local.machines : "${replace(arn, ":stateMachine:", ":execution:")}:*"] },
    { sid = "ReadProjectAndRuns", actions = ["s3:GetObject"], resources = [for folder in ["project", "runs", "work"] : "${local.lake_arn}/${folder}/*"] },
    { sid = "KeepCosts", actions = ["s3:GetObject", "s3:PutObject"], resources = ["${local.lake_arn}/costs/*", "${local.lake_arn}/told/*"] },
    { sid = "KeepTable", actions = ["s3:PutObject"], resources = ["${local.lake_arn}/runs/tables/tarn_queries/*"] },
    { sid = "ForgetWhatWasSent", actions = ["s3:DeleteObject"], resources = ["${local.lake_arn}/told/waiting/*"] },
    { sid = "FindCosts", actions = ["s3:ListBucket"], resources = [local.lake_arn] },
    ], [
    for secret in local.secret_arn[*] : { sid = "ReadWebHook", actions = ["secretsmanager:GetSecretValue"], resources = [secret] }
  ])
}
