# Every resource type that the program registers, for record.py: what the provider calls for each does not depend on the rest.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "team" {
  description = "A tag's value, a description and sizes that the second apply changes"
  default     = 1
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true
}

locals {
  name  = "recommender-recorded"
  tags  = { project = "recommender", stack = "recorded", managed-by = "pulumi", team = tostring(var.team) }
  trust = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }] })
  grant = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sns:Publish", Resource = "arn:aws:sns:us-east-1:000000000000:${var.team}" }] })
}

resource "aws_vpc" "a" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = local.tags
}
resource "aws_subnet" "a" {
  count                   = 2
  vpc_id                  = aws_vpc.a.id
  cidr_block              = "10.0.${count.index}.0/24"
  availability_zone       = "us-east-1${["a", "b"][count.index]}"
  map_public_ip_on_launch = true
  tags                    = local.tags
}
resource "aws_internet_gateway" "a" {
  vpc_id = aws_vpc.a.id
  tags   = local.tags
}
resource "aws_eip" "a" {
  tags = local.tags
}
resource "aws_nat_gateway" "a" {
  allocation_id = aws_eip.a.id
  subnet_id     = aws_subnet.a[0].id
  tags          = local.tags
}
resource "aws_route_table" "a" {
  vpc_id = aws_vpc.a.id
  tags   = local.tags
}
resource "aws_route" "a" {
  route_table_id         = aws_route_table.a.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = var.team == 1 ? aws_internet_gateway.a.id : null
  nat_gateway_id         = var.team == 1 ? null : aws_nat_gateway.a.id
}
resource "aws_route_table_association" "a" {
  route_table_id = aws_route_table.a.id
  subnet_id      = aws_subnet.a[0].id
}
resource "aws_vpc_endpoint" "gateway" {
  vpc_id          = aws_vpc.a.id
  service_name    = "com.amazonaws.us-east-1.s3"
  route_table_ids = [aws_route_table.a.id]
  tags            = local.tags
}
resource "aws_vpc_endpoint" "interface" {
  vpc_id              = aws_vpc.a.id
  service_name        = "com.amazonaws.us-east-1.logs"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.a[*].id
  security_group_ids  = [aws_security_group.a.id]
  tags                = local.tags
}
resource "aws_security_group" "a" {
  name   = "${local.name}-group"
  vpc_id = aws_vpc.a.id
  tags   = local.tags
}
resource "aws_vpc_security_group_ingress_rule" "a" {
  security_group_id = aws_security_group.a.id
  cidr_ipv4         = "10.0.${var.team}.0/24"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  tags              = local.tags
}
resource "aws_vpc_security_group_egress_rule" "a" {
  security_group_id = aws_security_group.a.id
  cidr_ipv4         = "10.0.${var.team}.0/24"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = local.tags
}
resource "aws_lb" "a" {
  name                       = local.name
  security_groups            = [aws_security_group.a.id]
  subnets                    = aws_subnet.a[*].id
  drop_invalid_header_fields = true
  idle_timeout               = 60 + var.team
  tags                       = local.tags
}
resource "aws_lb_target_group" "a" {
  name                 = local.name
  vpc_id               = aws_vpc.a.id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8080
  deregistration_delay = 30 + var.team
  health_check {
    path    = "/health"
    timeout = 4 + var.team
  }
  tags = local.tags
}
resource "aws_lb_listener" "a" {
  load_balancer_arn = aws_lb.a.arn
  protocol          = "HTTP"
  port              = 80
  default_action {
    type             = var.team == 1 ? "forward" : "fixed-response"
    target_group_arn = var.team == 1 ? aws_lb_target_group.a.arn : null
    dynamic "fixed_response" {
      for_each = var.team == 1 ? [] : [404]
      content {
        content_type = "text/plain"
        status_code  = 404
      }
    }
  }
  tags = local.tags
}
resource "aws_lb_listener_rule" "a" {
  listener_arn = aws_lb_listener.a.arn
  priority     = var.team
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.a.arn
  }
  condition {
    path_pattern {
      values = ["/films/${var.team}"]
    }
  }
  tags = local.tags
}
resource "aws_iam_role" "a" {
  name               = "${local.name}-role"
  assume_role_policy = local.trust
  description        = "${var.team}"
  tags               = local.tags
}
resource "aws_iam_role_policy" "a" {
  name   = "a"
  role   = aws_iam_role.a.id
  policy = local.grant
}
resource "aws_iam_policy" "a" {
  name   = "${local.name}-pusher"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sns:Publish", Resource = "*" }] })
  tags   = local.tags
}
resource "aws_iam_role_policy_attachment" "a" {
  role       = aws_iam_role.a.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
}
resource "aws_iam_instance_profile" "a" {
  name = "${local.name}-instance"
  role = aws_iam_role.a.name
  tags = local.tags
}
resource "aws_ecr_repository" "a" {
  name                 = local.name
  image_tag_mutability = var.team == 1 ? "IMMUTABLE" : "MUTABLE"
  force_delete         = true
  image_scanning_configuration {
    scan_on_push = var.team == 1
  }
  tags = local.tags
}
resource "aws_ecr_lifecycle_policy" "a" {
  repository = aws_ecr_repository.a.name
  policy     = jsonencode({ rules = [{ rulePriority = 1, selection = { tagStatus = "untagged", countType = "imageCountMoreThan", countNumber = 13 + var.team }, action = { type = "expire" } }] })
}
resource "aws_ecr_repository_policy" "a" {
  repository = aws_ecr_repository.a.name
  policy     = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "a${var.team}", Effect = "Allow", Principal = { AWS = "arn:aws:iam::444455556666:root" }, Action = "ecr:BatchGetImage" }] })
}
resource "aws_cloudwatch_log_group" "a" {
  name              = "${local.name}-logs"
  retention_in_days = var.team == 1 ? 30 : 60
  tags              = local.tags
}
resource "aws_cloudwatch_metric_alarm" "a" {
  alarm_name          = "${local.name}-errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = var.team
  metric_name         = "HTTPCode_ELB_5XX_Count"
  namespace           = "AWS/ApplicationELB"
  period              = 60
  statistic           = "Sum"
  threshold           = 1
  tags                = local.tags
}
resource "aws_cloudwatch_dashboard" "a" {
  dashboard_name = local.name
  dashboard_body = jsonencode({ widgets = [{ type = "text", x = 0, y = 0, width = var.team, height = 1, properties = { markdown = "a" } }] })
}
resource "aws_sns_topic" "a" {
  name         = "${local.name}-alarms"
  display_name = "a${var.team}"
  tags         = local.tags
}
resource "aws_sns_topic_subscription" "a" {
  topic_arn = aws_sns_topic.a.arn
  protocol  = "email"
  endpoint  = "team@example.com"
}
resource "aws_ecs_cluster" "a" {
  name = "${local.name}-cluster"
  setting {
    name  = "containerInsights"
    value = var.team == 1 ? "disabled" : "enabled"
  }
  tags = local.tags
}
resource "aws_ecs_task_definition" "a" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512 * var.team
  execution_role_arn       = aws_iam_role.a.arn
  container_definitions    = jsonencode([{ name = "a", image = "example.com/a:1", essential = true }])
  tags                     = local.tags
}
resource "aws_ecs_service" "a" {
  name            = "${local.name}-service"
  cluster         = aws_ecs_cluster.a.arn
  task_definition = aws_ecs_task_definition.a.arn
  desired_count   = 0
  launch_type     = "FARGATE"
  network_configuration {
    subnets         = aws_subnet.a[*].id
    security_groups = [aws_security_group.a.id]
  }
  wait_for_steady_state = true
  tags                  = local.tags
}
resource "aws_launch_template" "a" {
  name          = "${local.name}-instances"
  image_id      = "ami-1"
  instance_type = var.team == 1 ? "t3.medium" : "t3.large"
  tags          = local.tags
}
resource "aws_autoscaling_group" "a" {
  name                  = "${local.name}-instances"
  min_size              = 0
  max_size              = var.team
  vpc_zone_identifier   = aws_subnet.a[*].id
  protect_from_scale_in = true
  launch_template {
    id      = aws_launch_template.a.id
    version = aws_launch_template.a.latest_version
  }
  tag {
    key                 = "team"
    value               = var.team
    propagate_at_launch = true
  }
}
resource "aws_ecs_capacity_provider" "a" {
  name = "${local.name}-instances-provider"
  auto_scaling_group_provider {
    auto_scaling_group_arn = aws_autoscaling_group.a.arn
    managed_scaling {
      status          = "ENABLED"
      target_capacity = 101 - var.team
    }
  }
  tags = local.tags
}
resource "aws_ecs_cluster_capacity_providers" "a" {
  cluster_name       = aws_ecs_cluster.a.name
  capacity_providers = var.team == 1 ? ["FARGATE"] : ["FARGATE", "FARGATE_SPOT"]
}
resource "aws_appautoscaling_target" "a" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.a.name}/${aws_ecs_service.a.name}"
  min_capacity       = 0
  max_capacity       = var.team
  tags               = local.tags
}
resource "aws_appautoscaling_policy" "a" {
  name               = "${local.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.a.service_namespace
  scalable_dimension = aws_appautoscaling_target.a.scalable_dimension
  resource_id        = aws_appautoscaling_target.a.resource_id
  target_tracking_scaling_policy_configuration {
    target_value = 50 + var.team
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
resource "aws_appautoscaling_scheduled_action" "a" {
  name               = "${local.name}-morning"
  service_namespace  = aws_appautoscaling_target.a.service_namespace
  scalable_dimension = aws_appautoscaling_target.a.scalable_dimension
  resource_id        = aws_appautoscaling_target.a.resource_id
  schedule           = "rate(${var.team + 1} hours)"
  scalable_target_action {
    min_capacity = 0
    max_capacity = 1
  }
}
resource "aws_s3_bucket" "a" {
  bucket        = "${local.name}-access-logs"
  force_destroy = true
  tags          = local.tags
}
resource "aws_s3_object" "a" {
  bucket  = aws_s3_bucket.a.id
  key     = "files-${var.team}.zip"
  content = "files"
}
resource "aws_s3_bucket_lifecycle_configuration" "a" {
  bucket = aws_s3_bucket.a.id
  rule {
    id     = "expire"
    status = "Enabled"
    filter {}
    expiration {
      days = 30 + var.team
    }
  }
}
resource "aws_s3_bucket_public_access_block" "a" {
  bucket                  = aws_s3_bucket.a.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = var.team == 1
}
resource "aws_s3_bucket_policy" "a" {
  bucket = aws_s3_bucket.a.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "a${var.team}", Effect = "Deny", Principal = "*", Action = "s3:GetObject", Resource = "${aws_s3_bucket.a.arn}/*" }] })
}
resource "aws_codebuild_project" "a" {
  name          = "${local.name}-build"
  service_role  = aws_iam_role.a.arn
  build_timeout = 30 + var.team
  tags          = local.tags
  source {
    type      = "NO_SOURCE"
    buildspec = jsonencode({ version = 0.2, phases = { build = { commands = ["true"] } } })
  }
  artifacts {
    type = "NO_ARTIFACTS"
  }
  environment {
    type            = "LINUX_CONTAINER"
    image           = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
    compute_type    = "BUILD_GENERAL1_SMALL"
    privileged_mode = true
  }
  logs_config {
    cloudwatch_logs {
      group_name = "${local.name}-build-logs"
    }
  }
}
data "aws_route53_zone" "a" {
  count   = 0
  zone_id = "Z"
}
resource "aws_route53_zone" "given" {
  name = "example.com"
}
resource "aws_route53_record" "a" {
  zone_id = aws_route53_zone.given.zone_id
  name    = "films.example.com"
  type    = "CNAME"
  ttl     = 60 + var.team
  records = ["a.example.com"]
}
resource "aws_acm_certificate" "a" {
  domain_name       = "films.example.com"
  validation_method = "DNS"
  tags              = local.tags
}
resource "aws_acm_certificate_validation" "a" {
  certificate_arn = aws_acm_certificate.a.arn
  timeouts {
    create = "20s"
  }
}
resource "aws_wafv2_web_acl" "a" {
  name  = "${local.name}-firewall"
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  rule {
    name     = "rate"
    priority = 1
    action {
      block {}
    }
    statement {
      rate_based_statement {
        limit              = 1000 * var.team
        aggregate_key_type = "IP"
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "rate"
      sampled_requests_enabled   = true
    }
  }
  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "all"
    sampled_requests_enabled   = true
  }
  tags = local.tags
}
resource "aws_wafv2_web_acl_association" "a" {
  resource_arn = aws_lb.a.arn
  web_acl_arn  = aws_wafv2_web_acl.a.arn
}
resource "aws_scheduler_schedule" "a" {
  name                = "${local.name}-score-schedule"
  schedule_expression = "rate(${var.team + 1} days)"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_ecs_cluster.a.arn
    role_arn = aws_iam_role.a.arn
  }
}
resource "aws_budgets_budget" "a" {
  name         = "${local.name}-budget"
  account_id   = "000000000000"
  budget_type  = "COST"
  limit_amount = 50 * var.team
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  tags         = local.tags
}
