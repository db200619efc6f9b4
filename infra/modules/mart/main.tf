# One mart: the function that loads it, in the database's own network, and the state machine around it.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Looked up, so that a name that is misspelt is found before a load is; its value is not read.
data "aws_secretsmanager_secret" "password" {
  for_each = toset([for secret in var.secret[*] : secret if !startswith(secret, "arn:")])

  name = each.value
}

locals {
  name      = "${var.prefix}-mart-load-${var.mart}"
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition
  lake_arn  = "arn:${local.partition}:s3:::${var.bucket}"

  # `mysql://tarn@host:3306/reporting`: who logs in, where there is no secret that says so.
  user = one(flatten(regexall("^[a-z]+://([^:@/]+)(?::[^@/]*)?@", var.url)))

  secret_arn = startswith(coalesce(var.secret, "-"), "arn:") ? var.secret : one(values(data.aws_secretsmanager_secret.password)[*].arn)

  # `?load=s3`: Aurora reads rows from the lake's bucket, where they are put for it and removed again.
  by_s3 = length(regexall("[?&]load=s3(&|$)", var.url)) > 0

  log_in = var.secret != null ? {
    sid       = "ReadPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.secret_arn]
    } : {
    # The database is known here by its host, and RDS knows it by an id: the user is what is named.
    sid       = "LogIn"
    actions   = ["rds-db:connect"]
    resources = ["arn:${local.partition}:rds-db:${local.region}:${local.account}:dbuser:*/${coalesce(local.user, "tarn")}"]
  }
}

module "mart_load" {
  source = "../function"

  name                 = local.name
  description          = "Loads published versions into the mart `${var.mart}`"
  zip                  = "${var.functions}/mart-load.zip"
  architecture         = var.architecture
  memory_mb            = 1769
  timeout_seconds      = 900
  reserved_concurrency = var.concurrency
  vpc                  = length(var.subnets) == 0 ? null : { subnets = var.subnets, security_groups = var.security_groups }
  alarm_topic_arn      = var.alarm_topic_arn
  log_retention_days   = var.log_retention_days
  tags                 = var.tags

  environment = merge(
    { TARN_BUCKET = var.bucket, TARN_RAW_BUCKET = var.raw_bucket, TARN_MART = var.mart, TARN_MART_URL = var.url },
    { for secret in var.secret[*] : "TARN_MART_SECRET" => secret },
  )

  statements = concat([
    {
      sid       = "ReadVersions"
      actions   = ["s3:GetObject"]
      resources = [for folder in ["project", "work", "runs", "model"] : "${local.lake_arn}/${folder}/*"]
    },
    { sid = "TellWhatIsAbsent", actions = ["s3:ListBucket"], resources = [local.lake_arn] },
    local.log_in,
    ], local.by_s3 ? [{
      sid       = "PassRows"
      actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
      resources = ["${local.lake_arn}/mart/*"]
  }] : [])
}

# What fails here fails the run that loads, and that is told: its alarm is for the dashboard.
module "machine" {
  source = "../machine"

  name               = local.name
  definition         = templatefile("${var.machines}/mart-load.asl.json", { mart_load = module.mart_load.arn })
  log_retention_days = var.log_retention_days
  tags               = var.tags
  statements         = [{ sid = "Load", actions = ["lambda:InvokeFunction"], resources = [module.mart_load.arn] }]
}
