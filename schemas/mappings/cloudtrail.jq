# AWS CloudTrail: a record a message, a log file ({"Records": […]}), or an EventBridge event.
#
#   tenant      the account the record was delivered to
#   agent       the identity: user:NAME, role:NAME (no session), service:PRINCIPAL, root …
#   credential  the access key id
#   tool        SERVICE:EventName without an API version; action.operation is the name as recorded
#   verb        from the event's name, and readOnly where the name says nothing
#   resource    type from service and name; id from `resources`, else from the request
#
# Skipped: what has no eventName or eventSource (digest files and foreign records say nothing of an
# action) and CloudTrail Insights (statistics about other records, which would count them twice).

def text: if type == "string" and . != "" then . else null end;
# Whether a name starts with, ends with or holds one of some words.
def starts(words): any(words as $word | startswith($word); .);
def ends(words): any(words as $word | endswith($word); .);
def has_any(words): any(words as $word | contains($word); .);

# Some services append the version of their API: GetFunction20150331v2, UpdateFunctionCode20150331.
def unversioned:
  if test("[0-9]{8}(v[0-9]+)?$") then sub("[0-9]{8}(v[0-9]+)?$"; "") else . end;

def service_of: rtrimstr(".amazonaws.com") | split(".")[0];

# [agent id, agent type] of .userIdentity
def identity:
  (.sessionContext.sessionIssuer.userName? | text) as $issuer
  | (.arn | text // "" | split("/")) as $arn
  | (.userName | text) as $user
  | (.principalId | text // "" | split(":")) as $principal
  | (.type // "") as $type
  | if $type == "Root" then ["root", "root"]
    elif $type == "IAMUser" then ["user:\($user // $principal[0] // "unknown")", "iam_user"]
    elif $type == "AssumedRole" or $type == "Role" then
      ($issuer // $arn[1] // $principal[0] // "unknown") as $role
      | ["role:\($role)",
         (if $role | startswith("AWSServiceRoleFor") then "service_role" else "iam_role" end)]
    elif $type == "FederatedUser" then
      ["federated:\($principal[1] // $arn[1] // $issuer // "unknown")", "federated_user"]
    elif $type == "SAMLUser" or $type == "WebIdentityUser" then
      ["federated:\($user // $principal[-1] // "unknown")", "federated_user"]
    elif $type == "IdentityCenterUser" then
      ["user:\(.onBehalfOf.userId? // $user // "unknown")", "identity_center_user"]
    elif .invokedBy | text then ["service:\(.invokedBy)", "service"]
    elif .accountId | text then ["account:\(.accountId)", "aws_account"]
    else ["unknown", "unknown"]
    end;

# The verb of an event: exceptions first, then the first word of its name. $params: the request.
def verb($name; $service; $readonly; $params):
  if $name | starts("AssumeRole") then "spawn"                # a role begins to act
  elif $service == "kms" and ($name == "Decrypt") then "read"
  elif $service == "kms" and ($name | starts("Encrypt", "GenerateDataKey", "ReEncrypt", "Sign",
      "GenerateMac")) then "execute"                           # the key is used, not changed
  elif $name == "ConsoleLogin" or $name == "GetSessionToken" or $name == "GetFederationToken"
    then "create"                                               # a session comes into being
  elif $name | starts("InvokeModel", "Converse", "InvokeAgent") then "infer"
  elif $name | starts("SendCommand", "StartSession", "ResumeSession", "StartAutomationExecution",
      "ExecuteCommand", "ExecuteStatement", "BatchExecuteStatement", "Invoke", "StartExecution",
      "StartQuery", "SendSSHPublicKey", "SendSerialConsoleSSHPublicKey") then "execute"
  # Attributes by which snapshots and images are given to other accounts.
  elif ($name | ends("SnapshotAttribute", "ImageAttribute")) and ($name | startswith("Modify"))
    then (if ($params.createVolumePermission.add? // $params.launchPermission.add?
              // $params.valuesToAdd?) != null then "share" else "update" end)
  elif $name | starts("CreateResourceShare", "AssociateResourceShare") then "share"
  # Who may do what, and what is recorded of it.
  elif ($name | starts("Put", "Attach", "Detach", "Update", "Set", "Add", "Remove", "Authorize",
      "Revoke", "Modify"))
    and ($name | has_any("Policy", "Permission", "Acl", "PublicAccessBlock", "UserToGroup",
      "UserFromGroup", "RoleToInstanceProfile", "RoleFromInstanceProfile", "LoginProfile",
      "SecurityGroup", "Grant", "EventSelectors")) then "admin"
  elif ($name | startswith("Delete")) and ($name | ends("RolePolicy", "UserPolicy", "GroupPolicy",
      "BucketPolicy", "ResourcePolicy", "PublicAccessBlock", "PermissionsBoundary")) then "admin"
  # A setting of a bucket goes; the bucket stays.
  elif $service == "s3" and ($name | startswith("DeleteBucket")) and $name != "DeleteBucket"
    then "update"
  elif $name | starts("StopLogging", "StartLogging", "LeaveOrganization", "InviteAccount",
      "Enable", "Disable", "Deactivate") then "admin"
  elif $name | starts("Lookup", "Search", "Query", "Filter", "Select", "Scan", "Find")
    then "search"
  elif $name | starts("List") then "list"
  elif $name | starts("Describe")
    then (if $name | ends("s", "Information") then "list" else "read" end)
  elif $name | starts("Get", "BatchGet", "Head", "Check", "Verify", "Test", "Simulate", "Estimate",
      "Preview", "View", "Download", "Receive") then "read"
  elif ($name | starts("Delete", "BatchDelete", "Terminate", "Deregister", "Release", "Purge",
      "Destroy", "Abort", "ScheduleKeyDeletion")) or ($name | ends("Delete", "Deleted"))
    then "delete"
  elif ($name | starts("Create", "Run", "Register", "Allocate", "Import", "Copy", "Upload",
      "Request", "Generate", "Issue", "Launch", "Provision")) or ($name | ends("Created"))
    then "create"
  elif $name | starts("Publish", "SendMessage", "SendEmail", "SendRawEmail", "SendBulk")
    then "send"
  elif $name | starts("Export") then "share"
  elif $readonly == true then "read"
  elif $readonly == false then "update"
  else "other"
  end;

def ec2_type($name):
  if $name == "GetPasswordData" then "secret.value"
  elif $name | contains("KeyPair") then "credential.key"
  elif $name | contains("Snapshot") then "storage.snapshot"
  elif $name | contains("Volume") then "storage.volume"
  elif $name | has_any("Image") then "compute.image"
  elif $name | contains("FlowLog") then "log.flow"
  elif $name | contains("SecurityGroup") then "network.security_group"
  elif $name | has_any("Vpc", "Subnet", "Route", "Gateway", "Network", "Address", "Vpn", "Dhcp",
      "Acl", "Peering", "Endpoint") then "network.config"
  elif $name | has_any("Instance", "Hosts", "LaunchTemplate", "PlacementGroup", "Fleet")
    then "compute.instance"
  elif $name | has_any("Account", "Region", "AvailabilityZone") then "cloud.account"
  elif $name | contains("Tags") then "cloud.tag"
  else "cloud.ec2"
  end;

def iam_type($name):
  if $name | has_any("AccessKey", "SSHPublicKey", "SigningCertificate", "MFADevice",
      "ServiceSpecificCredential", "ServerCertificate") then "credential.key"
  elif $name | has_any("LoginProfile", "Password") then "credential.password"
  elif $name | contains("InstanceProfile") then "cloud.iam.instance_profile"
  elif $name | contains("Role") then "cloud.iam.role"
  elif $name | contains("User") then "cloud.iam.user"
  elif $name | contains("Group") then "cloud.iam.group"
  elif $name | contains("Polic") then "cloud.iam.policy"
  elif $name | contains("Account") then "cloud.account"
  else "cloud.iam.other"
  end;

def ssm_type($name; $params):
  if ($name | contains("Parameter")) or $params.resourceType? == "Parameter" then "secret.parameter"
  elif $name | has_any("Command", "Session", "Automation") then "compute.command"
  elif $name | contains("Document") then "compute.document"
  else "compute.instance"
  end;

# Services whose every event concerns one type. Tables are written as comparisons: an object would
# be built anew for every record.
def type_of_service:
  if . == "kms" then "credential.key"
  elif . == "signin" or . == "sso" then "credential.session"
  elif . == "rolesanywhere" then "credential.trust_anchor"
  elif . == "acm" then "credential.certificate"
  elif . == "lambda" then "code.function"
  elif . == "states" then "code.workflow"
  elif . == "codebuild" then "code.build"
  elif . == "ecs" or . == "eks" then "compute.container"
  elif . == "ecr" then "compute.image"
  elif . == "autoscaling" then "compute.instance"
  elif . == "elasticloadbalancing" or . == "cloudfront" then "network.config"
  elif . == "route53" or . == "route53resolver" then "network.dns"
  elif . == "dynamodb" then "database.table"
  elif . == "redshift" then "database.instance"
  elif . == "athena" then "database.query"
  elif . == "glue" then "database.catalog"
  elif . == "cloudtrail" then "log.trail"
  elif . == "logs" then "log.group"
  elif . == "monitoring" then "log.metric"
  elif . == "config" then "log.config"
  elif . == "guardduty" or . == "securityhub" or . == "inspector2" or . == "macie2"
      or . == "devops-guru"
    then "security.finding"
  elif . == "health" then "cloud.health"
  elif . == "organizations" then "cloud.organization"
  elif . == "ram" then "cloud.share"
  elif . == "account" then "cloud.account"
  elif . == "ce" or . == "billing" or . == "budgets" then "cloud.billing"
  elif . == "ses" or . == "email" then "email.message"
  elif . == "sns" then "message.topic"
  elif . == "sqs" then "message.queue"
  elif . == "bedrock" or . == "bedrock-runtime" then "llm.inference"
  else null end;

def resource_type($name; $service):
  if $service == "ec2" then ec2_type($name)
  elif $service == "iam" then iam_type($name)
  elif $service == "ssm" then ssm_type($name; .requestParameters // {})
  elif $service == "sts" then
    (if $name | startswith("AssumeRole") then "cloud.iam.role"
     elif $name | startswith("GetCallerIdentity") then "cloud.identity"
     else "credential.session" end)
  elif $service == "secretsmanager" then
    (if ($name | contains("SecretValue")) or $name == "CreateSecret" then "secret.value"
     else "secret.entry" end)
  elif $service == "s3" then
    (if $name | has_any("Object", "Upload", "Part") and ($name | contains("ObjectLock") | not)
     then "storage.object"
     elif $name | has_any("StorageLens", "Account") then "cloud.account"
     else "storage.bucket" end)
  elif $service == "rds" then
    (if $name | contains("Snapshot") then "database.snapshot" else "database.instance" end)
  elif $service == "cloudtrail" and ($name | startswith("Lookup")) then "log.event"
  else ($service | type_of_service) // "cloud.\($service | gsub("[^a-z0-9_]"; "_"))"
  end;

# Names under which requests and answers hold the id of what they are about, most telling first.
def id_names:
  "accessKeyId", "secretId", "roleArn", "functionName", "bucketName", "bucket", "snapshotId",
  "dBSnapshotIdentifier", "dBInstanceIdentifier", "imageId", "volumeId", "instanceId",
  "networkInterfaceId", "groupId", "natGatewayId", "internetGatewayId", "routeTableId",
  "subnetId", "vpcId", "allocationId", "instanceProfileName", "roleName", "userName", "groupName",
  "policyArn", "keyId", "trailName", "logGroupName", "tableName", "topicArn", "queueUrl",
  "detectorId", "trustAnchorId", "profileId", "resourceId", "resourceName", "resourceArn",
  "dBSubnetGroupName", "policyName", "associationId", "modelId", "name", "arn", "ARN", "id";

def id_in: if type == "object" then first(.[id_names] | text // empty) // null else null end;

# EC2 names what it is about in a set of items; a set of more than one names nothing in particular.
def id_in_set:
  first(to_entries[]
    | select((.key | endswith("Set")) and (.key | has_any("filter", "tag") | not))
    | .value.items? | select(type == "array" and length == 1) | .[0] | id_in // empty) // null;

def id_in_answer:
  .responseElements
  | if type == "object"
    then id_in // id_in_set // (first(.[] | id_in // empty) // null) else null end;

def id_in_request:
  id_in // (.instanceIds[0]? | text) // (.names[0]? | text) // id_in_set
  # EC2 wraps some requests in an object of their own.
  // (first(to_entries[] | select(.key | endswith("Request")) | .value | id_in // empty) // null);

def resource_id($type):
  (if (.resources | type) == "array" and (.resources | length) == 1
   then .resources[0] | (.ARN // .arn) | text else null end) as $listed
  | (.requestParameters | if type == "object" then . else {} end) as $params
  | if $type == "storage.object" and ($params.key | text) and ($params.bucketName | text)
    then "\($params.bucketName)/\($params.key)"
    else
      $listed
      # What is created gets its id in the answer; the request names what it is made from.
      // (if .eventName | starts("Create", "Run", "Allocate") then id_in_answer else null end)
      // (if .eventName | startswith("Run") then null else $params | id_in_request end)
      // id_in_answer
      // (.serviceEventDetails | id_in) // (.additionalEventData | id_in)
    end
  | if . == null then null else .[0:1024] end;

def denied: has_any("AccessDenied", "Unauthorized", "Forbidden", "NotAuthorized", "AuthFailure",
  "InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch", "UnrecognizedClient");

def outcome:
  if .errorCode | text then (if .errorCode | denied then "denied" else "error" end)
  elif .responseElements.ConsoleLogin? == "Failure" then "denied"
  else "allowed"
  end;

# Where a request came from. AWS itself stands as a host name or as "AWS Internal".
def network:
  if . == null then null
  elif starts("127.", "::1") then "loopback"
  elif starts("10.", "192.168.", "169.254.", "fc", "fd", "AWS Internal")
    or endswith(".amazonaws.com") then "internal"
  elif startswith("172.") then
    (split(".")[1] | tonumber? // 0 | if . >= 16 and . <= 31 then "internal" else "external" end)
  else "external"
  end;

def action:
  (.eventName | unversioned) as $name
  | (.eventSource | service_of) as $service
  | (.userIdentity | if type == "object" then . else {} end) as $who
  | ($who | identity) as [$agent, $agent_type]
  | ($who.accessKeyId | text) as $key
  | (.sourceIPAddress | text) as $from
  | resource_type($name; $service) as $type
  | {
      event_id: .eventID,
      occurred_at: .eventTime,
      tenant: (.recipientAccountId // $who.accountId),
      agent: { id: $agent, type: $agent_type },
      # The person behind a role, where the log-in says who that is.
      principal: { id: ($who.onBehalfOf.userId? // $who.sessionContext.sourceIdentity? // null) },
      gateway: { id: "cloudtrail" },
      # The session of a role: its name is the last part of the principal's id.
      session: { id: (if $who.type == "AssumedRole"
                      then ($who.principalId // "" | split(":")[1]) else null end) },
      credential: {
        id: $key,
        issuer: (if $key == null then null elif $key | startswith("ASIA") then "sts.amazonaws.com"
                 else "iam.amazonaws.com" end),
        kind: (if $key == null then null elif $key | startswith("ASIA") then "session_key"
               else "access_key" end),
        issued_at: ($who.sessionContext.attributes.creationDate? | text)
      },
      tool: { name: "\($service):\($name)", server: .eventSource },
      action: {
        verb: verb($name; $service; .readOnly; .requestParameters // {}),
        operation: .eventName
      },
      resource: {
        type: $type,
        id: resource_id($type),
        owner: (if (.resources | type) == "array" then .resources[0].accountId? else null end)
      },
      # Counted from the agent's side: what AWS sent is what the agent got.
      volume: {
        bytes_in: (.additionalEventData.bytesTransferredOut? // null),
        bytes_out: (.additionalEventData.bytesTransferredIn? // null)
      },
      outcome: outcome,
      channel: {
        encrypted: (if (.tlsDetails.tlsVersion? | text) then true else null end),
        authenticated: (if $key then true else null end),
        peer_id: $from,
        network: ($from | network)
      },
      trace: { id: (.requestID | text) }
    };

(if (.Records | type) == "array" then .Records[]
 elif (.detail | type) == "object" then .detail
 else . end)
| if (.eventName | text) == null or (.eventSource | text) == null then empty
  elif .eventCategory == "Insight" then empty
  else action
  end
