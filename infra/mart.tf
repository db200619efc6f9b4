# Loads into relational databases. What is SQLite on a laptop and has no `aws` stays there.

module "mart" {
  source   = "./modules/mart"
  for_each = local.marts

  prefix             = local.prefix
  mart               = each.key
  url                = each.value.url
  secret             = each.value.secret
  subnets            = each.value.subnets
  security_groups    = each.value.security_groups
  concurrency        = each.value.concurrency
  bucket             = local.bucket
  raw_bucket         = local.raw_bucket
  functions          = var.functions
  machines           = var.machines
  architecture       = var.architecture
  alarm_topic_arn    = local.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = local.tags
}

locals {
  marts = {
    for name, mart in try(local.config.marts, {}) : name => {
      url             = try(tostring(mart.aws.url), tostring(mart.url))
      secret          = try(tostring(mart.aws.secret), null)
      subnets         = try([for subnet in mart.aws.subnets : tostring(subnet)], [])
      security_groups = try([for group in mart.aws.security_groups : tostring(group)], [])
      concurrency     = try(tonumber(mart.aws.concurrency), null)
    } if !startswith(try(tostring(mart.aws.url), tostring(mart.url)), "sqlite:")
  }
}
