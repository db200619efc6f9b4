# The role: named actions on named resources, and what AWS asks of every machine that logs, traces or waits for children.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition

  # A child's end is told by an event; the rule for that is Step Functions' own.
  children = length(var.children) == 0 ? [] : [
    { Sid = "StartChildren", Effect = "Allow", Action = ["states:StartExecution"], Resource = var.children },
    {
      Sid      = "WatchChildren"
      Effect   = "Allow"
      Action   = ["states:DescribeExecution", "states:StopExecution"]
      Resource = [for arn in var.children : "${replace(arn, ":stateMachine:", ":execution:")}:*"]
    },
    {
      Sid      = "HearOfChildren"
      Effect   = "Allow"
      Action   = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
      Resource = ["arn:${local.partition}:events:${local.region}:${local.account}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"]
    },
  ]

  # None of these can be given for some resources only.
  always = [
    {
      Sid    = "DeliverLogs"
      Effect = "Allow"
      Action = [
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
      ]
      Resource = ["*"]
    },
    {
      Sid      = "Trace"
      Effect   = "Allow"
      Action   = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = ["*"]
    },
  ]

  own = [for statement in var.statements : merge(
    { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
    length(statement.conditions) == 0 ? {} : { Condition = {
      for test in distinct(statement.conditions[*].test) : test => {
        for condition in statement.conditions : condition.variable => condition.values if condition.test == test
      }
    } },
  )]
}

resource "aws_iam_role" "this" {
  name        = "${var.name}-machine"
  description = "What the state machine ${var.name} may do"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${var.name}" }
      }
    }]
  })
}

# Step Functions asks for the rights to deliver logs and traces on all resources.
resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_355: log deliveries and traces have no resources; everything else is named
  #checkov:skip=CKV_AWS_290: as above, the writing actions on all resources are those of log deliveries and traces
  #checkov:skip=CKV_AWS_289: as above, `logs:PutResourcePolicy` is asked for by Step Functions
  name   = "own"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.own, local.children, local.always) })
}
