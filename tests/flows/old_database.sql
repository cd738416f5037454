BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE api_token (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	token_hash VARCHAR NOT NULL, 
	created_by VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	used_at DATETIME, 
	CONSTRAINT pk_api_token PRIMARY KEY (id), 
	CONSTRAINT fk_api_token_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_token_token_hash UNIQUE (token_hash)
);
INSERT INTO "api_token" VALUES('0a68c36cdf9667ed378e509a9bcf7b93','1b42219a12745d30fcb591d8d286e831','mr_3Vns…','60a8f02dfacdf21972fef4fac0a388f65ed163f5b08e5deeae107218e39f0e14','U0000000004','2026-11-24 09:11:04.000000',NULL);
CREATE TABLE audience (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	name_key VARCHAR NOT NULL, 
	columns JSON NOT NULL, 
	size INTEGER NOT NULL, 
	toward_quota INTEGER NOT NULL, 
	duplicates INTEGER NOT NULL, 
	invalid INTEGER NOT NULL, 
	rejected JSON NOT NULL, 
	created_by VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_audience PRIMARY KEY (id), 
	CONSTRAINT fk_audience_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE
);
INSERT INTO "audience" VALUES('ece70ced60b02694f3b419f5b89a6514','1b42219a12745d30fcb591d8d286e831','Friends','friends','["email", "first_name"]',2,2,0,0,'[]','U0000000005','2026-11-24 09:11:04.000000');
INSERT INTO "audience" VALUES('d00eeb331fe9ff1a84f766d20b31d891','1b42219a12745d30fcb591d8d286e831','','','["email", "first_name"]',3,3,0,0,'[]','U0000000005','2026-11-24 09:13:39.041026');
CREATE TABLE audience_block (
	audience_id VARCHAR NOT NULL, 
	first_seq INTEGER NOT NULL, 
	addresses JSON NOT NULL, 
	lines JSON NOT NULL, 
	fields JSON NOT NULL, 
	CONSTRAINT pk_audience_block PRIMARY KEY (audience_id, first_seq), 
	CONSTRAINT fk_audience_block_audience_id FOREIGN KEY(audience_id) REFERENCES audience (id) ON DELETE CASCADE
);
INSERT INTO "audience_block" VALUES('ece70ced60b02694f3b419f5b89a6514',1,'["ann@elsewhere.test","ben@elsewhere.test"]','[2,3]','[["ann@elsewhere.test","Ann"],["ben@elsewhere.test","Ben"]]');
INSERT INTO "audience_block" VALUES('d00eeb331fe9ff1a84f766d20b31d891',1,'["cyd@elsewhere.test","dee@elsewhere.test","gone@elsewhere.test"]','[2,3,4]','[["cyd@elsewhere.test","Cyd"],["dee@elsewhere.test","Dee"],["gone@elsewhere.test","Gus"]]');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	team_id VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	actor VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	"before" JSON NOT NULL, 
	"after" JSON NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:00:00.000000','U0000000004','mailer.connect','111122223333','{}','{"region": "eu-west-1", "principal": "arn:aws:iam::111122223333:user/mailroom"}');
INSERT INTO "audit" VALUES(2,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:00:01.000000','U0000000004','identity.add','acme.test','{}','{"adopted": false}');
INSERT INTO "audit" VALUES(3,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:11:04.000000','U0000000004','api_token.create','mr_3Vns…','{}','{}');
INSERT INTO "audit" VALUES(4,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:11:04.000000','U0000000005','audience.save','Friends','{}','{"size": 2}');
INSERT INTO "audit" VALUES(5,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:11:04.000000','U0000000005','broadcast.confirm','e41e59c6f3d511539664857ab852510e','{"state": "draft", "reasons": []}','{"state": "scheduled", "reasons": []}');
INSERT INTO "audit" VALUES(6,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:11:36.000000','mailroom','broadcast.start','e41e59c6f3d511539664857ab852510e','{"state": "scheduled", "reasons": []}','{"state": "sending", "reasons": []}');
INSERT INTO "audit" VALUES(7,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:11:36.041026','mailroom','broadcast.finish','e41e59c6f3d511539664857ab852510e','{"state": "sending", "reasons": []}','{"state": "done", "reasons": []}');
INSERT INTO "audit" VALUES(8,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:11:37.041026','U0000000004','identity.add','shop.test','{}','{"adopted": false}');
INSERT INTO "audit" VALUES(9,'1b42219a12745d30fcb591d8d286e831','2026-11-24 09:13:39.041026','U0000000005','broadcast.confirm','2a66d1f695413fae30697fd7a7b5dbf9','{"state": "draft", "reasons": []}','{"state": "scheduled", "reasons": []}');
CREATE TABLE broadcast (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	mailer_id VARCHAR, 
	audience_id VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	pause_reasons JSON NOT NULL, 
	from_address VARCHAR NOT NULL, 
	reply_to VARCHAR NOT NULL, 
	subject TEXT NOT NULL, 
	preheader TEXT NOT NULL, 
	body JSON NOT NULL, 
	template JSON NOT NULL, 
	size INTEGER NOT NULL, 
	created_by VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	confirmed_by VARCHAR NOT NULL, 
	start_at DATETIME, 
	started_at DATETIME, 
	went_on_at DATETIME, 
	finished_at DATETIME, 
	judged_from DATETIME, 
	doubts_left_at DATETIME, 
	error VARCHAR NOT NULL, 
	CONSTRAINT pk_broadcast PRIMARY KEY (id), 
	CONSTRAINT fk_broadcast_audience_id FOREIGN KEY(audience_id) REFERENCES audience (id) ON DELETE CASCADE, 
	CONSTRAINT fk_broadcast_mailer_id FOREIGN KEY(mailer_id) REFERENCES mailer (id) ON DELETE SET NULL, 
	CONSTRAINT fk_broadcast_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE, 
	CONSTRAINT ck_broadcast_kind CHECK (kind IN ('test', 'broadcast')), 
	CONSTRAINT ck_broadcast_state CHECK (state IN ('draft', 'scheduled', 'sending', 'paused', 'done', 'cancelled', 'stopped'))
);
INSERT INTO "broadcast" VALUES('e41e59c6f3d511539664857ab852510e','1b42219a12745d30fcb591d8d286e831','aa78ac886c940cf118523ccc4051c889','ece70ced60b02694f3b419f5b89a6514',4,'broadcast','done','[]','hello@acme.test','','Spring news','','{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "Hello"}]}]}','{"sender": "hello@acme.test", "reply_to": "", "leave_at": "hello@acme.test", "public_url": "", "columns": ["email", "first_name"], "message": {"subject": "Spring news", "html": "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Spring news</title>\n</head>\n<body style=\"margin:0;padding:24px 16px;font:16px/1.5 -apple-system,''Segoe UI'',Roboto,Helvetica,Arial,sans-serif;color:#222\">\n<div style=\"max-width:600px;margin:0 auto\">\n<p style=\"margin:0 0 16px\">Hello</p>\n<div style=\"margin-top:32px;padding-top:16px;border-top:1px solid #ddd;font-size:13px;color:#666\"><a href=\"mailto:hello@acme.test?subject=unsubscribe\" style=\"color:#666\">Unsubscribe</a></div>\n</div>\n</body>\n</html>\n", "text": "Hello\n\n--\nUnsubscribe: send a mail to hello@acme.test that says so\n", "slots": []}}',2,'U0000000005','2026-11-24 09:11:04.000000','U0000000005','2026-11-24 09:11:34.000000','2026-11-24 09:11:36.000000','2026-11-24 09:11:36.000000','2026-11-24 09:11:36.041026',NULL,NULL,'');
INSERT INTO "broadcast" VALUES('2a66d1f695413fae30697fd7a7b5dbf9','1b42219a12745d30fcb591d8d286e831','aa78ac886c940cf118523ccc4051c889','d00eeb331fe9ff1a84f766d20b31d891',2,'broadcast','scheduled','[]','hello@acme.test','','Spring news','','{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "Hello"}]}]}','{"sender": "hello@acme.test", "reply_to": "", "leave_at": "hello@acme.test", "public_url": "", "columns": ["email", "first_name"], "message": {"subject": "Spring news", "html": "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Spring news</title>\n</head>\n<body style=\"margin:0;padding:24px 16px;font:16px/1.5 -apple-system,''Segoe UI'',Roboto,Helvetica,Arial,sans-serif;color:#222\">\n<div style=\"max-width:600px;margin:0 auto\">\n<p style=\"margin:0 0 16px\">Hello</p>\n<div style=\"margin-top:32px;padding-top:16px;border-top:1px solid #ddd;font-size:13px;color:#666\"><a href=\"mailto:hello@acme.test?subject=unsubscribe\" style=\"color:#666\">Unsubscribe</a></div>\n</div>\n</body>\n</html>\n", "text": "Hello\n\n--\nUnsubscribe: send a mail to hello@acme.test that says so\n", "slots": []}}',3,'U0000000005','2026-11-24 09:13:39.041026','U0000000005','2026-11-25 09:13:39.000000',NULL,NULL,NULL,NULL,NULL,'');
CREATE TABLE chunk (
	id VARCHAR NOT NULL, 
	broadcast_id VARCHAR NOT NULL, 
	sending_account_id VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	fence INTEGER NOT NULL, 
	size INTEGER NOT NULL, 
	called_at DATETIME, 
	finished_at DATETIME, 
	error VARCHAR NOT NULL, 
	CONSTRAINT pk_chunk PRIMARY KEY (id), 
	CONSTRAINT fk_chunk_broadcast_id FOREIGN KEY(broadcast_id) REFERENCES broadcast (id) ON DELETE CASCADE, 
	CONSTRAINT fk_chunk_sending_account_id FOREIGN KEY(sending_account_id) REFERENCES sending_account (id) ON DELETE CASCADE, 
	CONSTRAINT ck_chunk_state CHECK (state IN ('pending', 'calling', 'done', 'in_doubt', 'cancelled'))
);
INSERT INTO "chunk" VALUES('c8391ec4016d17c19b18521f1e70a635','e41e59c6f3d511539664857ab852510e','88cf846f030a711325cf30b3753d6ef0','done',1,2,'2026-11-24 09:11:36.000000','2026-11-24 09:11:36.000000','');
CREATE TABLE delivery (
	broadcast_id VARCHAR NOT NULL, 
	seq INTEGER NOT NULL, 
	address VARCHAR NOT NULL, 
	address_key VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	chunk_id VARCHAR, 
	message_id VARCHAR, 
	error VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	retries INTEGER NOT NULL, 
	CONSTRAINT pk_delivery PRIMARY KEY (broadcast_id, seq), 
	CONSTRAINT fk_delivery_broadcast_id FOREIGN KEY(broadcast_id) REFERENCES broadcast (id) ON DELETE CASCADE, 
	CONSTRAINT uq_delivery_broadcast_id_address_key UNIQUE (broadcast_id, address_key), 
	CONSTRAINT ck_delivery_state CHECK (state IN ('pending', 'sending', 'sent', 'delivered', 'bounced', 'complained', 'failed', 'suppressed', 'in_doubt', 'cancelled'))
);
INSERT INTO "delivery" VALUES('e41e59c6f3d511539664857ab852510e',1,'ann@elsewhere.test','ann@elsewhere.test','delivered','c8391ec4016d17c19b18521f1e70a635','01003f00796fa664-33ceefcb-d68c-2f4e-bba3-a946566a2c87-000000','','2026-11-24 09:11:36.041026',0);
INSERT INTO "delivery" VALUES('e41e59c6f3d511539664857ab852510e',2,'ben@elsewhere.test','ben@elsewhere.test','delivered','c8391ec4016d17c19b18521f1e70a635','0100909660c66f13-c79b7de9-f52c-f73a-a5ab-dc41720149dc-000000','','2026-11-24 09:11:36.041026',0);
INSERT INTO "delivery" VALUES('2a66d1f695413fae30697fd7a7b5dbf9',1,'cyd@elsewhere.test','cyd@elsewhere.test','pending',NULL,NULL,'','2026-11-24 09:13:39.041026',0);
INSERT INTO "delivery" VALUES('2a66d1f695413fae30697fd7a7b5dbf9',2,'dee@elsewhere.test','dee@elsewhere.test','pending',NULL,NULL,'','2026-11-24 09:13:39.041026',0);
INSERT INTO "delivery" VALUES('2a66d1f695413fae30697fd7a7b5dbf9',3,'gone@elsewhere.test','gone@elsewhere.test','pending',NULL,NULL,'','2026-11-24 09:13:39.041026',0);
CREATE TABLE identity (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	mailer_id VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	managed BOOLEAN NOT NULL, 
	adopted BOOLEAN NOT NULL, 
	added_by VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	state_since DATETIME NOT NULL, 
	pending_since DATETIME, 
	verified_at DATETIME, 
	verification_status VARCHAR NOT NULL, 
	error_type VARCHAR NOT NULL, 
	dkim_status VARCHAR NOT NULL, 
	dkim_tokens JSON NOT NULL, 
	dkim_zone VARCHAR NOT NULL, 
	mail_from_domain VARCHAR NOT NULL, 
	mail_from_status VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	replaces VARCHAR NOT NULL, 
	intent VARCHAR NOT NULL, 
	intent_detail JSON NOT NULL, 
	intent_due_at DATETIME, 
	checked_at DATETIME NOT NULL, 
	CONSTRAINT pk_identity PRIMARY KEY (id), 
	CONSTRAINT fk_identity_mailer_id FOREIGN KEY(mailer_id) REFERENCES mailer (id) ON DELETE CASCADE, 
	CONSTRAINT fk_identity_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE, 
	CONSTRAINT uq_identity_mailer_id_name UNIQUE (mailer_id, name), 
	CONSTRAINT ck_identity_kind CHECK (kind IN ('address', 'domain')), 
	CONSTRAINT ck_identity_state CHECK (state IN ('pending', 'verified', 'failed', 'temporary_failure', 'gone'))
);
INSERT INTO "identity" VALUES('fbc7045a3ce5a2e8aa2288503c543b26','1b42219a12745d30fcb591d8d286e831','aa78ac886c940cf118523ccc4051c889',2,'acme.test','domain',1,0,'U0000000004','verified','2026-11-24 09:01:02.000000',NULL,'2026-11-24 09:01:02.000000','SUCCESS','','SUCCESS','["yfjzx17c8xkkjpmc73156gxmkkkz2owh", "z5cf321bx7z9vuhx8gw8a9iz12561r8b", "z3l6f5zg4wpv7mzsedfcmwps0zkl4jjf"]','tolyy4.dkim.eu-west-1.amazonses.com','mail.acme.test','PENDING',1,'','','{}',NULL,'2026-11-24 09:13:38.041026');
INSERT INTO "identity" VALUES('e979ce40beb7752a4ed6a8fca767e5e8','1b42219a12745d30fcb591d8d286e831','aa78ac886c940cf118523ccc4051c889',2,'shop.test','domain',1,0,'U0000000004','failed','2026-11-24 09:13:38.041026',NULL,NULL,'FAILED','','FAILED','["bqhs58xpp69wf1xup9gyenlfxqt9tu23", "ktsedvqcwgnkv4tpt3d72svom9qoza2a", "r5qvtlh5pn68auripi8jayscqy480wv8"]','qddahi.dkim.eu-west-1.amazonses.com','mail.shop.test','PENDING',1,'','','{}',NULL,'2026-11-24 09:13:38.041026');
CREATE TABLE incident (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	mailer_id VARCHAR, 
	kind VARCHAR(32) NOT NULL, 
	subject VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	version INTEGER NOT NULL, 
	detail JSON NOT NULL, 
	opened_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	resolved_at DATETIME, 
	reminded_at DATETIME, 
	acknowledged_by VARCHAR NOT NULL, 
	CONSTRAINT pk_incident PRIMARY KEY (id), 
	CONSTRAINT fk_incident_mailer_id FOREIGN KEY(mailer_id) REFERENCES mailer (id) ON DELETE CASCADE, 
	CONSTRAINT fk_incident_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE, 
	CONSTRAINT ck_incident_incident_kind CHECK (kind IN ('access_lost', 'region_outage', 'shut_down', 'sending_paused', 'probation', 'production_denied', 'identity_lost', 'verification_failed', 'verification_ending', 'bounces', 'complaints', 'events_missing', 'quota_used_up', 'quota_low')), 
	CONSTRAINT ck_incident_state CHECK (state IN ('open', 'acknowledged', 'resolved'))
);
INSERT INTO "incident" VALUES('b0c5f4945bab556f423481f9bdd8b2ff','1b42219a12745d30fcb591d8d286e831','aa78ac886c940cf118523ccc4051c889','verification_failed','e979ce40beb7752a4ed6a8fca767e5e8','open',1,'{"name": "shop.test", "state": "failed", "since": "2026-11-24T09:13:38.041026+00:00", "error": "", "intent": "", "version": 2}','2026-11-24 09:13:38.041026','2026-11-24 09:13:38.041026',NULL,NULL,'');
CREATE TABLE installation (
	id VARCHAR NOT NULL, 
	enterprise_id VARCHAR NOT NULL, 
	slack_team_id VARCHAR NOT NULL, 
	bot_user_id VARCHAR NOT NULL, 
	bot_token BLOB, 
	scopes TEXT NOT NULL, 
	installed_by VARCHAR NOT NULL, 
	installed_at DATETIME NOT NULL, 
	CONSTRAINT pk_installation PRIMARY KEY (id), 
	CONSTRAINT uq_installation_enterprise_id_slack_team_id UNIQUE (enterprise_id, slack_team_id)
);
CREATE TABLE mailer (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	connection VARCHAR NOT NULL, 
	account_id VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	principal_arn VARCHAR NOT NULL, 
	sign_in VARCHAR(32) NOT NULL, 
	credentials BLOB NOT NULL, 
	credentials_at DATETIME NOT NULL, 
	connected_by VARCHAR NOT NULL, 
	connected_at DATETIME NOT NULL, 
	configuration_set VARCHAR NOT NULL, 
	topic_arn VARCHAR NOT NULL, 
	queue_url VARCHAR, 
	endpoint VARCHAR NOT NULL, 
	missing_optional JSON NOT NULL, 
	access VARCHAR(32) NOT NULL, 
	access_since DATETIME NOT NULL, 
	access_error VARCHAR NOT NULL, 
	access_action VARCHAR NOT NULL, 
	access_checked_at DATETIME NOT NULL, 
	unanswered_since DATETIME, 
	production_access BOOLEAN NOT NULL, 
	review_status VARCHAR NOT NULL, 
	review_case_id VARCHAR NOT NULL, 
	applied_at DATETIME, 
	sending_enabled BOOLEAN NOT NULL, 
	enforcement_status VARCHAR NOT NULL, 
	production VARCHAR(32) NOT NULL, 
	sending VARCHAR(32) NOT NULL, 
	max_24_hour_send FLOAT NOT NULL, 
	max_send_rate FLOAT NOT NULL, 
	sent_last_24_hours FLOAT NOT NULL, 
	sent_lately INTEGER NOT NULL, 
	bounced_lately INTEGER NOT NULL, 
	complained_lately INTEGER NOT NULL, 
	rated_at DATETIME, 
	heard_at DATETIME, 
	tested_at DATETIME, 
	self_tests INTEGER NOT NULL, 
	unheard INTEGER NOT NULL, 
	unheard_since DATETIME, 
	suppressions_at DATETIME, 
	checked_at DATETIME NOT NULL, 
	CONSTRAINT pk_mailer PRIMARY KEY (id), 
	CONSTRAINT fk_mailer_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE, 
	CONSTRAINT uq_mailer_connection UNIQUE (connection), 
	CONSTRAINT uq_mailer_team_id UNIQUE (team_id), 
	CONSTRAINT ck_mailer_sign_in CHECK (sign_in IN ('access_key', 'role')), 
	CONSTRAINT ck_mailer_access CHECK (access IN ('ok', 'suspect', 'lost')), 
	CONSTRAINT ck_mailer_production CHECK (production IN ('sandbox', 'in_review', 'denied', 'granted')), 
	CONSTRAINT ck_mailer_sending CHECK (sending IN ('enabled', 'paused', 'probation', 'shut_down'))
);
INSERT INTO "mailer" VALUES('aa78ac886c940cf118523ccc4051c889','1b42219a12745d30fcb591d8d286e831',1,'c38c1c8292e09e92','111122223333','eu-west-1','arn:aws:iam::111122223333:user/mailroom','access_key',X'01096B61653834633235641FC19057C5499AB7B4A0EDFAB24ECB93530185CDD44915906B8B33A686E4475D9A2A877D78EBED47D8C9498D859FD427E26EE19B9840999651E2DBACFCC5DD54DF87ACFE44ED82141156B91D9407691E14283B1AD0C464FD9BD55833A30F8F6E44CC3A436230B951AAFD059F69FE48EC9DACD07CDCA59D00D26865C136F84FB57D0C8DB184C3FEB61250898E842BC372FF5408028F0C0C0FB2397CE7','2026-11-24 09:00:00.000000','U0000000004','2026-11-24 09:00:00.000000','mailroom-c38c1c8292e09e92','arn:aws:sns:eu-west-1:111122223333:mailroom-c38c1c8292e09e92','http://127.0.0.1:41455/111122223333/mailroom-c38c1c8292e09e92','','[]','ok','2026-11-24 09:00:00.000000','','','2026-11-24 09:00:00.000000',NULL,1,'GRANTED','241386038249369',NULL,1,'HEALTHY','granted','enabled',50000.0,50.0,2.0,0,0,0,NULL,'2026-11-24 09:11:36.041026',NULL,0,0,NULL,NULL,'2026-11-24 09:13:38.041026');
CREATE TABLE outbox (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	record_id VARCHAR NOT NULL, 
	user_id VARCHAR NOT NULL, 
	reply_to VARCHAR NOT NULL, 
	is_file BOOLEAN NOT NULL, 
	wanted INTEGER NOT NULL, 
	shown INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	due_at DATETIME, 
	claims INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	last_error VARCHAR NOT NULL, 
	channel_id VARCHAR NOT NULL, 
	ts VARCHAR NOT NULL, 
	drawn VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT fk_outbox_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE, 
	CONSTRAINT uq_outbox_key UNIQUE ("key")
);
INSERT INTO "outbox" VALUES('7d0438acb9310a2bde23810104c60922','1b42219a12745d30fcb591d8d286e831','connected:aa78ac886c940cf118523ccc4051c889','connected','aa78ac886c940cf118523ccc4051c889','','',0,1,1,1,NULL,0,0,'','C0000000007','1795510800.000001','e0e0f5dc58c7bbce8211442608bce6429c3b8d443f1d7cb81cdafe4e93b611ff','2026-11-24 09:00:00.000000');
INSERT INTO "outbox" VALUES('e22d8a243c93e56b4c47964bbbd24f37','1b42219a12745d30fcb591d8d286e831','identity_added:fbc7045a3ce5a2e8aa2288503c543b26:1','identity_added','fbc7045a3ce5a2e8aa2288503c543b26','','',0,2,2,2,NULL,0,0,'','C0000000007','1795510801.000000','13ab751d864cdafb49c28a5e513a1fb46502b68145857d92f3edf899a808e268','2026-11-24 09:00:01.000000');
INSERT INTO "outbox" VALUES('bf15713fd71e8f22ca548c3313087de9','1b42219a12745d30fcb591d8d286e831','identity_verified:fbc7045a3ce5a2e8aa2288503c543b26:1795510862','identity_verified','fbc7045a3ce5a2e8aa2288503c543b26','','',0,1,1,1,NULL,0,0,'','C0000000007','1795510862.000000','5aa50f2185c29a80c38809e23638471c5d3da10b8f33dfe31b2d78a43eabdab8','2026-11-24 09:01:02.000000');
INSERT INTO "outbox" VALUES('659aded422ff7c7562ff59b1566a53a7','1b42219a12745d30fcb591d8d286e831','granted:aa78ac886c940cf118523ccc4051c889','granted','aa78ac886c940cf118523ccc4051c889','','',0,1,1,1,NULL,0,0,'','C0000000007','1795511463.000000','fdf7b43fd761acd2274ccef6826f79fc2b14910f8f18d3dfea22bc8495722ad2','2026-11-24 09:11:03.000000');
INSERT INTO "outbox" VALUES('edfcd4d68d21edc4164101401639af5b','1b42219a12745d30fcb591d8d286e831','broadcast:e41e59c6f3d511539664857ab852510e','broadcast','e41e59c6f3d511539664857ab852510e','','',0,5,5,2,NULL,0,0,'','C0000000007','1795511464.000001','fc47d919e75d7acfdf7e63c49ce8f1600c3815bd7afc4fe0fdfae5fed9fe87f1','2026-11-24 09:11:04.000000');
INSERT INTO "outbox" VALUES('64830691bfb2e363651735bd38fa1eca','1b42219a12745d30fcb591d8d286e831','chart:e41e59c6f3d511539664857ab852510e','chart','e41e59c6f3d511539664857ab852510e','','broadcast:e41e59c6f3d511539664857ab852510e',1,1,1,1,NULL,0,0,'','','','','2026-11-24 09:11:36.041026');
INSERT INTO "outbox" VALUES('a7830ffcf7cb5e318ac3940dabd6bc3e','1b42219a12745d30fcb591d8d286e831','identity_added:e979ce40beb7752a4ed6a8fca767e5e8:1','identity_added','e979ce40beb7752a4ed6a8fca767e5e8','','',0,2,2,2,NULL,0,0,'','C0000000007','1795511497.041026','1648f913bcade23852cbbc1389e5e79485c5a8aade4793404a7cceb9471d5648','2026-11-24 09:11:37.041026');
INSERT INTO "outbox" VALUES('102335bbe89a9796011c3fa0e3c69874','1b42219a12745d30fcb591d8d286e831','alert:b0c5f4945bab556f423481f9bdd8b2ff','alert','b0c5f4945bab556f423481f9bdd8b2ff','','',0,1,1,1,NULL,0,0,'','C0000000007','1795511618.041026','336de740a9a4863fbfdc53b3a63c72204aee66610e63a8567fa6f7660bd9f1b3','2026-11-24 09:13:38.041026');
INSERT INTO "outbox" VALUES('4553b55f8433dc1fdd52b081d623bf67','1b42219a12745d30fcb591d8d286e831','broadcast:2a66d1f695413fae30697fd7a7b5dbf9','broadcast','2a66d1f695413fae30697fd7a7b5dbf9','','',0,1,1,1,NULL,0,0,'','C0000000007','1795511619.041027','f39cf980b0738b2709653cc149091042820d91cbd930b3218f86ed18640eda69','2026-11-24 09:13:39.041026');
CREATE TABLE poll (
	kind VARCHAR(32) NOT NULL, 
	subject_id VARCHAR NOT NULL, 
	due_at DATETIME NOT NULL, 
	fence INTEGER NOT NULL, 
	CONSTRAINT pk_poll PRIMARY KEY (kind, subject_id), 
	CONSTRAINT ck_poll_kind CHECK (kind IN ('account', 'access_check', 'feedback', 'self_test', 'suppressions', 'channel'))
);
INSERT INTO "poll" VALUES('channel','1b42219a12745d30fcb591d8d286e831','2026-11-25 09:00:00.000000',2);
INSERT INTO "poll" VALUES('account','aa78ac886c940cf118523ccc4051c889','2026-11-24 09:23:17.818014',6);
INSERT INTO "poll" VALUES('access_check','aa78ac886c940cf118523ccc4051c889','2026-11-25 09:00:00.000000',0);
INSERT INTO "poll" VALUES('self_test','aa78ac886c940cf118523ccc4051c889','2026-11-24 09:00:00.000000',0);
INSERT INTO "poll" VALUES('suppressions','aa78ac886c940cf118523ccc4051c889','2026-11-24 09:00:00.000000',0);
INSERT INTO "poll" VALUES('feedback','aa78ac886c940cf118523ccc4051c889','2026-11-24 09:13:50.041026',3);
CREATE TABLE sealing_check (
	key_id VARCHAR NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_sealing_check PRIMARY KEY (key_id)
);
INSERT INTO "sealing_check" VALUES('kae84c25d',X'01096B616538346332356422F98D068DF33C82BD47179D6A91D4862D500496101FD002BDCCB53160A137A4AFDBB256');
CREATE TABLE seen_request (
	"key" VARCHAR NOT NULL, 
	seen_at DATETIME NOT NULL, 
	request_hash VARCHAR NOT NULL, 
	status INTEGER NOT NULL, 
	reply VARCHAR NOT NULL, 
	CONSTRAINT pk_seen_request PRIMARY KEY ("key")
);
CREATE TABLE sending_account (
	id VARCHAR NOT NULL, 
	account_id VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	fence INTEGER NOT NULL, 
	lease_until DATETIME, 
	share FLOAT NOT NULL, 
	next_send_at DATETIME, 
	work_at DATETIME, 
	CONSTRAINT pk_sending_account PRIMARY KEY (id), 
	CONSTRAINT uq_sending_account_account_id_region UNIQUE (account_id, region)
);
INSERT INTO "sending_account" VALUES('88cf846f030a711325cf30b3753d6ef0','111122223333','eu-west-1','',1,NULL,1.0,'2026-11-24 09:11:36.041026',NULL);
CREATE TABLE suppression (
	id VARCHAR NOT NULL, 
	team_id VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	address_key VARCHAR NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	source VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_suppression PRIMARY KEY (id), 
	CONSTRAINT fk_suppression_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE, 
	CONSTRAINT uq_suppression_team_id_address_key UNIQUE (team_id, address_key), 
	CONSTRAINT ck_suppression_reason CHECK (reason IN ('unsubscribed', 'complaint', 'bounce', 'by_hand'))
);
CREATE TABLE team (
	id VARCHAR NOT NULL, 
	enterprise_id VARCHAR NOT NULL, 
	slack_team_id VARCHAR NOT NULL, 
	channel_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	private BOOLEAN NOT NULL, 
	shared BOOLEAN NOT NULL, 
	previous_channel_id VARCHAR NOT NULL, 
	previous_until DATETIME, 
	reachable BOOLEAN NOT NULL, 
	unreachable_why VARCHAR NOT NULL, 
	external_id VARCHAR, 
	from_name VARCHAR NOT NULL, 
	reply_to VARCHAR NOT NULL, 
	postal_address TEXT NOT NULL, 
	senders JSON NOT NULL, 
	created_by VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_team PRIMARY KEY (id), 
	CONSTRAINT uq_team_slack_team_id_channel_id UNIQUE (slack_team_id, channel_id)
);
INSERT INTO "team" VALUES('1b42219a12745d30fcb591d8d286e831','','T0000000001','C0000000007','news',0,0,'',NULL,1,'',NULL,'','','','[]','U0000000004','2026-11-24 09:00:00.000000');
CREATE TABLE team_admin (
	team_id VARCHAR NOT NULL, 
	user_id VARCHAR NOT NULL, 
	appointed_by VARCHAR NOT NULL, 
	appointed_at DATETIME NOT NULL, 
	CONSTRAINT pk_team_admin PRIMARY KEY (team_id, user_id), 
	CONSTRAINT fk_team_admin_team_id FOREIGN KEY(team_id) REFERENCES team (id) ON DELETE CASCADE
);
CREATE INDEX ix_audit_team_id ON audit (team_id);
CREATE INDEX ix_poll_due_at ON poll (due_at);
CREATE INDEX ix_seen_request_seen_at ON seen_request (seen_at);
CREATE INDEX ix_sending_account_work_at ON sending_account (work_at);
CREATE INDEX ix_api_token_team_id ON api_token (team_id);
CREATE INDEX ix_audience_team_id ON audience (team_id);
CREATE UNIQUE INDEX uq_audience_saved ON audience (team_id, name_key) WHERE name_key <> '';
CREATE INDEX ix_outbox_due_at ON outbox (due_at);
CREATE INDEX ix_outbox_team_id ON outbox (team_id);
CREATE INDEX ix_broadcast_audience_id ON broadcast (audience_id);
CREATE INDEX ix_broadcast_mailer_id ON broadcast (mailer_id);
CREATE INDEX ix_broadcast_state_start_at ON broadcast (state, start_at);
CREATE INDEX ix_broadcast_team_id ON broadcast (team_id);
CREATE INDEX ix_identity_intent_due_at ON identity (intent_due_at);
CREATE INDEX ix_identity_team_id ON identity (team_id);
CREATE INDEX ix_incident_mailer_id ON incident (mailer_id);
CREATE INDEX ix_incident_team_id ON incident (team_id);
CREATE UNIQUE INDEX uq_incident_open ON incident (team_id, kind, subject) WHERE state <> 'resolved';
CREATE INDEX ix_chunk_broadcast_id ON chunk (broadcast_id);
CREATE INDEX ix_chunk_sending_account_id_state ON chunk (sending_account_id, state);
CREATE INDEX ix_delivery_broadcast_id_state_seq ON delivery (broadcast_id, state, seq);
CREATE INDEX ix_delivery_chunk_id ON delivery (chunk_id);
CREATE INDEX ix_delivery_message_id ON delivery (message_id);
COMMIT;