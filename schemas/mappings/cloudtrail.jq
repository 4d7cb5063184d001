# AWS CloudTrail: a record a message, a log file ({"Records": […]}), an EventBridge event, a
# subscription of CloudWatch Logs ({"logEvents": […]}), or a row of CloudTrail Lake ({"eventData"}).
#
#   tenant      the account the record was delivered to
#   agent       the identity in its own account: ACCOUNT/user:NAME, ACCOUNT/role:NAME (no session),
#               ACCOUNT/root …; service:PRINCIPAL for a service of AWS, also acting as root;
#               ACCOUNT/jwt:ISSUER|SUBJECT for a caller of an AgentCore gateway
#   credential  the access key id, or the id of the token
#   tool        SERVICE:EventName without an API version; action.operation is the name as recorded.
#               A tool call through an AgentCore gateway has the tool's own name
#   verb        from the event's name, and readOnly where the name says nothing
#   resource    type from service and name; id from `resources`, else from the request
#   outcome     denied or error by the error code, else by what the answer says; else allowed
#
# Every record with an eventName becomes an action, whatever the types of its other fields: text
# that holds JSON is read as the object it holds, and what has another type counts as absent.
# Skipped is what has no eventName: digest files, CloudTrail Insights (statistics about other
# records), records of another kind.

def text: if type == "string" and . != "" then . else null end;

# AWS writes this where it keeps a value to itself; it names nobody.
def shown: text | if . == "HIDDEN_DUE_TO_SECURITY_REASONS" or . == "REDACTED" then null else . end;

# An object, also where its JSON stands in a text; without members if it is anything else.
def object:
  if type == "object" then .
  elif type == "string" and startswith("{") then
    ((try fromjson catch null) | if type == "object" then . else {} end)
  else {} end;

# An amount that is not negative.
def amount:
  if type == "string" then (tonumber? // null) else . end
  | if type == "number" and . >= 0 and . <= 9007199254740992 then floor else null end;

# A name as part of an id: without control characters, and short enough for the id. A name that is
# cut says so and how long it was.
def part:
  if any(explode[]; . < 32 or (. >= 127 and . < 160))
  then explode | map(if . < 32 or (. >= 127 and . < 160) then 63 else . end) | implode else . end
  | if utf8bytelength > 160 then "\(.[0:40])~\(utf8bytelength)" else . end;

# Whether a name starts with, ends with or holds one of some words.
def starts(words): any(words as $word | startswith($word); .);
def ends(words): any(words as $word | endswith($word); .);
def has_any(words): any(words as $word | contains($word); .);

# Some services append the version of their API: GetFunction20150331v2, UpdateFunctionCode20150331.
def unversioned:
  if test("[0-9]{8}(v[0-9]+)?$") then sub("[0-9]{8}(v[0-9]+)?$"; "") else . end;

def service_of: rtrimstr(".amazonaws.com") | split(".")[0];

# The account of an identity; an ARN names it in its fifth part.
def account_of:
  (.accountId | text) // (.arn | text // "" | split(":")[4]? | text) // "unknown" | part;

# [agent id, agent type] of .userIdentity. $source, $event: eventSource and eventType.
def identity($source; $event):
  (.sessionContext | object | .sessionIssuer | object | .userName | shown) as $issuer
  | (.arn | text // "" | split("/")) as $arn
  | (.userName | shown) as $user
  | (.principalId | text // "" | split(":") | map(text)) as $principal
  | (.invokedBy | text) as $invoker
  | (.type | text // "") as $type
  | account_of as $account
  | def known: (. // "unknown") | part;
    # A service that acts for the account itself: no person logged in as root.
    if $type == "AWSService" or ($type == "Root" and ($invoker or $event == "AwsServiceEvent")) then
      ["service:\($invoker // $source | known)", "service"]
    elif $type == "Root" then ["\($account)/root", "root"]
    elif $type == "IAMUser" then ["\($account)/user:\($user // $principal[0] | known)", "iam_user"]
    elif $type == "AssumedRole" or $type == "Role" then
      ($issuer // ($arn[1] | text) // $principal[0] | known) as $role
      | ["\($account)/role:\($role)",
         (if $role | startswith("AWSServiceRoleFor") then "service_role" else "iam_role" end)]
    elif $type == "FederatedUser" then
      ["\($account)/federated:\($principal[1] // ($arn[1] | text) // $issuer | known)",
       "federated_user"]
    # The principal of these two names the provider as well: one name at two providers is two users.
    elif $type == "SAMLUser" then
      ["\($account)/saml:\((.principalId | text) // $user | known)", "federated_user"]
    elif $type == "WebIdentityUser" then
      ["\($account)/web:\((.principalId | text) // $user | known)", "federated_user"]
    elif $type == "IdentityCenterUser" then
      ["\($account)/identity_center:\((.onBehalfOf | object | .userId | shown) // $user | known)",
       "identity_center_user"]
    elif $invoker then ["service:\($invoker | known)", "service"]
    # A user that another service knows: quicksight:user/NAME.
    elif $user then
      (.arn | text // "" | split(":")[2]? // "unknown" | part) as $service
      | ["\($account)/\($service):\(($arn[1:] | join("/") | text) // $user | part)",
         "service_user"]
    elif $principal[0] and ($type == "AWSAccount" or $type == "Unknown") then
      ["\($account)/principal:\($principal[0] | part)", "aws_account"]
    elif .accountId | text then ["\($account)/account", "aws_account"]
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
    then (if (($params.createVolumePermission | object | .add)
              // ($params.launchPermission | object | .add) // $params.valuesToAdd) != null
          then "share" else "update" end)
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
  if ($name | contains("Parameter")) or $params.resourceType == "Parameter" then "secret.parameter"
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

# What an AgentCore service offers to agents.
def agentcore_type($name):
  if $name | has_any("OAuth2", "Oauth2", "ApiKey", "AccessToken", "Credential")
    then "credential.token"
  elif $name | has_any("Gateway", "Mcp") then "agent.gateway"
  elif $name | contains("CodeInterpreter") then "code.execution"
  elif $name | contains("Browser") then "web.browser"
  elif $name | has_any("Memory", "MemoryRecord", "Event") then "agent.memory"
  else "agent.runtime"
  end;

def resource_type($name; $service; $params):
  if $service == "ec2" then ec2_type($name)
  elif $service == "iam" then iam_type($name)
  elif $service == "ssm" then ssm_type($name; $params)
  elif $service == "bedrock-agentcore" then agentcore_type($name)
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
  "policyArn", "keyId", "agentRuntimeArn", "gatewayIdentifier",
  "memoryId", "trailName", "logGroupName", "tableName", "topicArn", "queueUrl",
  "detectorId", "trustAnchorId", "profileId", "resourceId", "resourceName", "resourceArn",
  "dBSubnetGroupName", "policyName", "associationId", "modelId", "name", "arn", "ARN", "id";

def id_in: if type == "object" then first(.[id_names] | text // empty) // null else null end;

# EC2 names what it is about in a set of items; a set of more than one names nothing in particular.
def id_in_set:
  first(to_entries[]
    | select((.key | endswith("Set")) and (.key | has_any("filter", "tag") | not))
    | .value.items? | select(type == "array" and length == 1) | .[0] | id_in // empty) // null;

# $answer, $params: the answer and the request as objects.
def id_in_answer($answer):
  $answer | id_in // id_in_set // (first(.[] | id_in // empty) // null);

def id_in_request:
  def first_text: if type == "array" then .[0] | text else null end;
  id_in // (.instanceIds | first_text) // (.names | first_text) // id_in_set
  # EC2 wraps some requests in an object of their own.
  // (first(to_entries[] | select(.key | endswith("Request")) | .value | id_in // empty) // null);

# $listed: the resources that the record lists, objects only.
def resource_id($type; $params; $answer; $listed):
  (.eventName | tostring) as $name
  | if $type == "storage.object" and ($params.key | text) and ($params.bucketName | text)
    then "\($params.bucketName)/\($params.key)"
    else
      (if ($listed | length) == 1 then $listed[0] | (.ARN | text) // (.arn | text) else null end)
      # What is created gets its id in the answer; the request names what it is made from.
      // (if $name | starts("Create", "Run", "Allocate") then id_in_answer($answer) else null end)
      // (if $name | startswith("Run") then null else $params | id_in_request end)
      // id_in_answer($answer)
      // (.serviceEventDetails | object | id_in) // (.additionalEventData | object | id_in)
    end
  | if . == null then null else .[0:1024] end;

# A resource's owner: the account that all listed resources belong to.
def owner($listed):
  [$listed[].accountId | text] | unique | if length == 1 then .[0] else null end;

# What an error code or message says of a refusal.
def denied:
  ascii_downcase
  | has_any("accessdenied", "access denied", "unauthorized", "not authorized", "forbidden",
      "notauthorized", "unauthenticated", "permissiondenied", "authfailure", "invalidclienttokenid",
      "invalidaccesskeyid", "expiredtoken", "signaturedoesnotmatch", "incompletesignature",
      "missingauthenticationtoken", "unrecognizedclient", "failed authentication");

# A code of HTTP: what it says of the outcome, null where it says nothing.
def outcome_of_status:
  amount
  | if . == 401 or . == 403 or . == 407 then "denied" elif . != null and . >= 400 and . < 600
    then "error" else null end;

def status_in:
  first((.statusCode, .StatusCode, .httpStatusCode, .HTTPStatusCode, .status)
    | outcome_of_status // empty) // null;

# The outcome by the error code and message, then by the answer: some services write the refusal
# there and no error code. A record without any sign of a failure is of a request that succeeded.
def outcome($answer; $extra):
  (.errorCode | if type == "number" then tostring else text end) as $code
  | (.errorMessage | text) as $message
  | ($answer.body | object) as $body
  | if $code then
      (if ($code | denied) or ($code | outcome_of_status) == "denied" then "denied"
       else "error" end)
    elif $message then (if $message | denied then "denied" else "error" end)
    elif any($answer[]; . == "Failure") then "denied"           # ConsoleLogin, CheckMfa, SwitchRole
    elif $answer | status_in then $answer | status_in
    elif $extra.responseParameters | object | status_in then
      $extra.responseParameters | object | status_in
    elif $body.error then
      (if $body.error | tojson | denied then "denied" else "error" end)
    elif ($body.result | object | .isError) == true then "error"
    else "allowed"
    end;

# Where a request came from. AWS itself stands as a host name or as "AWS Internal".
def network:
  if . == null then null
  else
    ltrimstr("::ffff:")
    | if startswith("127.") or . == "::1" then "loopback"
      elif starts("10.", "192.168.", "169.254.", "AWS Internal") or endswith(".amazonaws.com")
        or (contains(":") and starts("fc", "fd", "fe80:")) then "internal"
      elif startswith("172.") then
        (split(".")[1] | tonumber? // 0
         | if . >= 16 and . <= 31 then "internal" else "external" end)
      else "external"
      end
  end;

# The claims of the caller's token, which an AgentCore gateway records; null without a subject.
def claims($extra):
  ($extra.jwt | object) as $jwt
  | ($jwt.claims | object) as $claims
  | (if $claims.sub == null then $jwt else $claims end)
  | if (.sub | type) == "number" then .sub |= tostring else . end
  | if .sub | text then . else null end;

# The calls of MCP in one request to a gateway: [method, tool], both null without any. A request of
# more than 500 calls is one action with a name of its own: no call may be left out unseen.
def mcp_calls($params):
  def call: object | [(.method | text), (.params | object | .name | shown)];
  $params.body
  | if type == "string" then (try fromjson catch null) else . end
  | if type != "array" or . == [] then call
    elif length > 500 then ["tools/call", "batch"]
    else .[] | call end;

# Calls that read the gateway's own lists, or only begin, keep up and end a session.
def verb_of_method:
  if endswith("/list") then "list"
  elif starts("initialize", "ping", "notifications/", "logging/", "completion/", "resources/",
      "prompts/") then "read"
  else "other" end;

# The verb of a tool by the first word of its own name, behind the name of its target:
# TARGET___delete_ticket.
def verb_of_tool:
  def one_of(words): . as $word | any(words; . == $word);
  (split("___")[-1] // "" | capture("^(?<word>[A-Z]?[a-z]+)").word // "" | ascii_downcase)
  | if one_of("get", "read", "fetch", "show", "view", "check", "describe") then "read"
    elif . == "list" then "list"
    elif one_of("search", "find", "query", "lookup", "retrieve") then "search"
    elif one_of("create", "add", "insert", "open", "book") then "create"
    elif one_of("update", "modify", "change", "set", "edit", "put", "patch") then "update"
    elif one_of("delete", "remove", "cancel", "drop", "purge") then "delete"
    elif one_of("run", "execute", "invoke", "eval") then "execute"
    elif one_of("send", "email", "notify", "reply", "post", "publish") then "send"
    elif one_of("share", "export") then "share"
    elif one_of("transfer", "pay", "refund") then "transfer"
    elif one_of("spawn", "delegate") then "spawn"
    else "other" end;

def action:
  (.eventName | if type == "string" then . else tojson end) as $operation
  | ($operation | unversioned) as $name
  | (.eventSource | text) as $source
  | ($source // "unknown" | service_of) as $service
  | (.userIdentity | object) as $who
  | (.requestParameters | object) as $params
  | (.responseElements | object) as $answer
  | (.additionalEventData | object) as $extra
  | [.resources | if type == "array" then .[] else . end | object | select(length > 0)] as $listed
  | ($who.sessionContext | object) as $context
  | ($who.type | text) as $identity_type
  | .eventType as $event_type
  | (if .readOnly == "true" then true elif .readOnly == "false" then false else .readOnly end)
    as $readonly
  | ($who.accessKeyId | text) as $key
  | (.sourceIPAddress | text) as $from
  | (.recipientAccountId | if type == "number" then tostring else text end) as $account
  | outcome($answer; $extra) as $outcome
  | resource_type($name; $service; $params) as $type
  # The caller of a gateway has a token and no identity of AWS. A token that was refused as such
  # (401) proves no subject: whoever wrote the name into it is another agent.
  | (if $service == "bedrock-agentcore" and $key == null then claims($extra) else null end)
    as $claims
  | (if $claims == null then null elif ($answer.statusCode | amount) == 401 then "unverified"
     else "jwt" end) as $kind
  | (if $claims then
       "\($claims.iss | text // "")|\($claims.sub)" as $subject
       | ["\($account // "unknown" | part)/\($kind):\($subject | part)", "jwt_subject"]
     else $who | identity($source; $event_type) end) as [$agent, $agent_type]
  | (if $type == "agent.gateway" and ($name | startswith("Invoke")) then mcp_calls($params)
     else [null, null] end) as [$method, $tool]
  | {
      event_id: (.eventID | if type == "number" then tostring else text end),
      occurred_at: (.eventTime | if type == "number" then . else text end),
      tenant: ($account // ($who.accountId | text)
               | if . == null or contains("/") then null else . end),
      agent: { id: $agent, type: $agent_type },
      # The person behind a role, where the log-in says who that is.
      principal: { id: (($who.onBehalfOf | object | .userId | shown)
                        // ($context.sourceIdentity | shown)) },
      gateway: { id: "cloudtrail" },
      # The session of a role: its name is the last part of the principal's id.
      session: { id: (if $identity_type == "AssumedRole"
                      then $who.principalId | text // "" | split(":")[1] else null end) },
      credential: (
        if $kind == "unverified" then null
        elif $claims then
          { id: ($claims.jti | text), issuer: ($claims.iss | text), kind: "jwt" }
        else
          {
            id: $key,
            issuer: (if $key == null then null elif $key | startswith("ASIA")
                     then "sts.amazonaws.com" else "iam.amazonaws.com" end),
            kind: (if $key == null then null elif $key | startswith("ASIA") then "session_key"
                   else "access_key" end),
            issued_at: ($context.attributes | object | .creationDate | text)
          }
        end),
      tool: {
        name: (if $method == "tools/call" and $tool then $tool else "\($service):\($name)" end),
        server: (if $method == "tools/call" and ($listed | length) == 1
                 then $listed[0] | (.ARN | text) // (.arn | text) // $source else $source end)
      },
      action: {
        verb: (if $method == "tools/call" then $tool // "" | verb_of_tool
               elif $method then $method | verb_of_method
               else verb($name; $service; $readonly; $params) end),
        operation: ($method // $operation)
      },
      resource: {
        type: $type,
        id: resource_id($type; $params; $answer; $listed),
        owner: owner($listed)
      },
      # Counted from the agent's side: what AWS sent is what the agent got.
      volume: {
        bytes_in: ($extra.bytesTransferredOut | amount),
        bytes_out: ($extra.bytesTransferredIn | amount)
      },
      outcome: $outcome,
      channel: {
        encrypted: (.tlsDetails
                    | if type == "string" then startswith("TLS")
                      else object | .tlsVersion | text end
                    | if . then true else null end),
        peer_id: $from,
        network: ($from | network)
      },
      trace: { id: (.requestID | text) }
    };

# The records in an envelope of the kinds above, at most two deep.
def records($depth):
  if type == "string" and startswith("{") then object else . end
  | if type != "object" then empty
    elif .eventName or $depth == 0 then .
    elif (.Records | type) == "array" then .Records[] | records($depth - 1)
    elif (.logEvents | type) == "array" then
      .logEvents[] | if type == "object" then .message | records($depth - 1) else empty end
    elif .eventData then .eventData | records($depth - 1)
    elif .detail then .detail | records($depth - 1)
    elif .message then .message | records($depth - 1)
    else empty
    end;

(if type == "array" then .[] else . end)
| records(2)
| select(.eventName != null and .eventName != "")
| action
