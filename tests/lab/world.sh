# shellcheck shell=bash
# shellcheck disable=SC2034  # used by the other parts of the lab
# SPDX-License-Identifier: Apache-2.0
#
# The names and addresses of the lab's little world. They exist only inside a run's namespaces.

LAB_CLOUD_DOMAIN=edgepxe-lab.example
LAB_CLOUD_HOST=tinkerbell-haproxy.$LAB_CLOUD_DOMAIN
LAB_BASE_URL=https://$LAB_CLOUD_HOST/tink-stack/
LAB_TRUST_URL=https://$LAB_CLOUD_DOMAIN/boots/ca.crt
LAB_CLOUD_IP=198.51.100.10
LAB_REPORT_URL=http://$LAB_CLOUD_IP/report
LAB_ROUTER_WAN_IP=198.51.100.1

LAB_ROUTER_IP=10.77.0.1
LAB_DHCP_IP=10.77.0.2
LAB_EDGE_IP=10.77.0.3
LAB_NODE_IP=10.77.0.50
LAB_NODE_MAC=52:54:00:ed:9e:01
LAB_NODE_UUID=ed9e0001-4c41-4221-8000-525400ed9e01
# edgepxe probe and the other clients that are no machine of their own.
LAB_PROBE_IP=10.77.0.60
LAB_PROBE_MAC=52:54:00:ed:9e:02
