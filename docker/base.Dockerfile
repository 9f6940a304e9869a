# What every image of ours stands on: Debian, a user who is not root, names, and a health check.
# SYSTEM is Debian's slim image, or the same made on the spot by scripts/system.sh.
ARG SYSTEM=debian:trixie-slim
FROM ${SYSTEM}
# The network's DNS before /etc/hosts: asked for its own address, it gives the instance's name, while
# /etc/hosts knows only a container id.
RUN touch /etc/nsswitch.conf && sed -i '/^hosts:/d' /etc/nsswitch.conf && echo 'hosts: dns files' >>/etc/nsswitch.conf \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin holdfast
COPY healthy /usr/local/bin/
# On every image of ours, so that those which a newer build replaced can be told from other people's.
LABEL holdfast.image=yes
