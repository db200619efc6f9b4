# What makes a run: the functions that plan it and make its models, and the state machines around them.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition

  machine_arn = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${var.prefix}"
  lake_arn    = "arn:${local.partition}:s3:::${var.bucket}"
  raw_arn     = "arn:${local.partition}:s3:::${var.raw_bucket}"
  buckets     = { TARN_BUCKET = var.bucket, TARN_RAW_BUCKET = var.raw_bucket }
  mart_loads  = [for mart in var.marts : "${local.machine_arn}-mart-load-${mart}"]
}

module "workflow_plan" {
  source = "../function"

  name               = "${var.prefix}-workflow-plan"
  description        = "Which models of the lake in which waves, and how the run ended"
  zip                = "${var.functions}/workflow-plan.zip"
  architecture       = var.architecture
  memory_mb          = 512
  timeout_seconds    = 120
  environment        = local.buckets
  alarm_topic_arn    = var.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags
  statements = [
    { sid = "ReadProject", actions = ["s3:GetObject"], resources = ["${local.lake_arn}/project/*"] },
    { sid = "KeepPlansAndRecords", actions = ["s3:GetObject", "s3:PutObject"], resources = [for folder in ["work", "runs", "backfills"] : "${local.lake_arn}/${folder}/*"] },
    { sid = "TellWhatIsAbsent", actions = ["s3:ListBucket"], resources = [local.lake_arn] },
  ]
}

module "athena_ctas" {
  source = "../function"

  name               = "${var.prefix}-athena-ctas"
  description        = "Takes one model of a run from query to query"
  zip                = "${var.functions}/athena-ctas.zip"
  architecture       = var.architecture
  memory_mb          = 1024
  timeout_seconds    = 900
  environment        = merge(local.buckets, { TARN_DATABASE = var.database, TARN_WORKGROUP = var.workgroup })
  alarm_topic_arn    = var.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags
  statements = concat(local.queries, [
    { sid = "ReadAnswers", actions = ["athena:GetQueryResults"], resources = [local.workgroup_arn] },
    {
      sid       = "Publish"
      actions   = ["glue:BatchDeletePartition", "glue:BatchUpdatePartition", "glue:DeleteTable", "glue:UpdateTable"]
      resources = local.catalogue
    },
    { sid = "KeepJournalAndCatalogue", actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], resources = ["${local.lake_arn}/work/*", "${local.lake_arn}/catalogue/*"] },
    { sid = "RemoveVersions", actions = ["s3:DeleteObject"], resources = ["${local.lake_arn}/model/*"] },
    { sid = "ReadProject", actions = ["s3:GetObject"], resources = ["${local.lake_arn}/project/*"] },
  ])
}

module "workflow" {
  source = "../machine"

  name               = "${var.prefix}-workflow"
  definition         = templatefile("${var.machines}/workflow.asl.json", { workflow_plan = module.workflow_plan.arn, model = module.model.arn })
  children           = [module.model.arn]
  alarm_topic_arn    = var.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags
  statements         = [{ sid = "Plan", actions = ["lambda:InvokeFunction"], resources = [module.workflow_plan.arn] }]
}

# Each mart has a machine of its own, and this one adds the mart's name; so its right ends where that begins. What fails here fails the run,
# and that is told: its alarm is for the dashboard.
module "model" {
  source = "../machine"

  name               = "${var.prefix}-model"
  definition         = templatefile("${var.machines}/model.asl.json", { athena_ctas = module.athena_ctas.arn, mart_load_machine = "${local.machine_arn}-mart-load" })
  children           = local.mart_loads
  log_retention_days = var.log_retention_days
  tags               = var.tags
  # Athena takes who asks for a query as the one who reads and writes, also who asks for one that goes on already.
  statements = concat(
    local.queries,
    [{ sid = "Advance", actions = ["lambda:InvokeFunction"], resources = [module.athena_ctas.arn] }],
    # It takes no resources; which tags on which tables, Lake Formation itself asks.
    var.has_access ? [{ sid = "Open", actions = ["lakeformation:AddLFTagsToResource"], resources = ["*"] }] : [],
  )
}

# Slices of days, each a run of the machine `workflow`, in batches that are executions of the machine itself.
module "backfill" {
  source = "../machine"

  name               = "${var.prefix}-backfill"
  children           = concat([module.workflow.arn, "${local.machine_arn}-backfill"], local.mart_loads)
  alarm_topic_arn    = var.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags

  definition = templatefile("${var.machines}/backfill.asl.json", {
    workflow_plan     = module.workflow_plan.arn
    athena_ctas       = module.athena_ctas.arn
    workflow          = module.workflow.arn
    mart_load_machine = "${local.machine_arn}-mart-load"
  })

  statements = [{ sid = "PlanAndClose", actions = ["lambda:InvokeFunction"], resources = [module.workflow_plan.arn, module.athena_ctas.arn] }]
}
