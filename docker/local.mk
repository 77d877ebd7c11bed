# Images and deployments. GNUmakefile has the targets that need no ./configure.

EXTRA_DIST += \
	.dockerignore \
	.env.example \
	Dockerfile \
	GNUmakefile \
	docker-compose.prod.yml \
	docker-compose.yml \
	docker/etc/group \
	docker/etc/nsswitch.conf \
	docker/etc/passwd \
	docker/functional-test \
	docker/gather-libraries \
	docker/make-secrets \
	docker/nginx/50-rowlock.sh \
	docker/nginx/nginx.conf \
	docker/nginx/problems.conf \
	docker/nginx/proxy.conf \
	docker/nginx/site.conf \
	docker/nginx/static/health.txt \
	docker/nginx/static/index.html \
	docker/nginx/templates/site.conf.template \
	docker/nginx/templates/upstream.conf.template \
	docker/nginx/tls/README \
	docker/prepare-database \
	docker/replace-replicas \
	docker/secrets/README \
	docker/server.yml
