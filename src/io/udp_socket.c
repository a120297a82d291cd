/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP sockets. Hides the ancillary data that carry interface, local address and segment size, and
 * the choice between segmentation by the kernel and one message a packet. No call blocks.
 */
#include "io/udp_socket.h"

#include "base/cleanup.h"

#include <errno.h>
#include <netinet/udp.h>
#include <sys/socket.h>

/* Bounds of one call: iovecs (IOV_MAX is 1024), segments (64 in kernels before 6.9), octets. */
#define BURST_PACKETS_MAX 64
#define UDP_PAYLOAD_MAX	  65507

/* Room for a burst of requests when a rack is switched on; the kernel may grant less. */
#define LISTEN_BUFFER_BYTES (1 << 20)

static struct sockaddr_in sockaddr_of(struct endpoint endpoint)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr = endpoint.address,
		.sin_port = htons(endpoint.port),
	};
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* A new socket whose datagrams go out without DF. */
static int socket_new(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int socket_bind(int fd, struct endpoint local)
{
	struct sockaddr_in address = sockaddr_of(local);

	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int udp_socket_listen(uint16_t port)
{
	CLEANUP_CLOSE int fd = socket_new();
	int r;

	if (fd < 0)
		return fd;
	(void)set_option(fd, SOL_SOCKET, SO_RCVBUF, LISTEN_BUFFER_BYTES);
	r = set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (r == 0)
		r = set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (r == 0)
		r = socket_bind(fd, (struct endpoint){.port = port});
	if (r < 0)
		return r;
	r = fd;
	fd = -1;
	return r;
}

static int bind_in_range(int fd, struct in_addr local, struct udp_port_range *range)
{
	unsigned n_ports = (unsigned)(range->last - range->first) + 1;
	int r = -EADDRINUSE;

	if (range->first == 0)
		return socket_bind(fd, (struct endpoint){.address = local});
	for (unsigned i = 0; i < n_ports && r == -EADDRINUSE; i++) {
		if (range->next < range->first || range->next > range->last)
			range->next = range->first;
		r = socket_bind(fd, (struct endpoint){.address = local, .port = range->next});
		range->next =
			range->next == range->last ? range->first : (uint16_t)(range->next + 1);
	}
	return r;
}

int udp_socket_connect(struct in_addr local, struct udp_port_range *range, struct endpoint peer)
{
	CLEANUP_CLOSE int fd = socket_new();
	struct sockaddr_in address = sockaddr_of(peer);
	int r;

	if (fd < 0)
		return fd;
	r = bind_in_range(fd, local, range);
	if (r == 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	if (r < 0)
		return r;
	r = fd;
	fd = -1;
	return r;
}

static int bind_to_interface(int fd, const char *interface)
{
	int r = set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);

	if (r == 0)
		r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0
		&& setsockopt(
			   fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface))
			   < 0)
		r = -errno;
	return r;
}

int udp_socket_client(const char *interface, struct endpoint local)
{
	CLEANUP_CLOSE int fd = socket_new();
	int r;

	if (fd < 0)
		return fd;
	r = interface ? bind_to_interface(fd, interface)
		      : set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
	if (r == 0)
		r = socket_bind(fd, local);
	if (r < 0)
		return r;
	r = fd;
	fd = -1;
	return r;
}

int udp_socket_port(int fd)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	return ntohs(address.sin_port);
}

/* Takes over interface and addresses from IP_PKTINFO, where the socket asked for it. */
static void read_pktinfo(struct msghdr *message, struct udp_datagram *datagram)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct in_pktinfo info;

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		datagram->local = info.ipi_addr;
		datagram->ifindex = info.ipi_ifindex;
		/* The kernel names another address to answer from when this one is not ours. */
		datagram->unicast = info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
	}
}

int udp_socket_receive(int fd, void *buffer, size_t size, struct udp_datagram *ret_datagram)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct sockaddr_in source = {0};
	struct iovec iov = {.iov_base = buffer, .iov_len = size};
	struct msghdr message = {
		.msg_name = &source,
		.msg_namelen = sizeof(source),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len;

	do
		len = recvmsg(fd, &message, 0);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	*ret_datagram = (struct udp_datagram){
		.source = {.address = source.sin_addr, .port = ntohs(source.sin_port)},
		.truncated = message.msg_flags & MSG_TRUNC,
		.payload = bytes_of(buffer, (size_t)len),
	};
	read_pktinfo(&message, ret_datagram);
	return 0;
}

/* What the messages of one burst have in common: where to, from where, and the segment size. */
struct envelope {
	struct sockaddr_in peer;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in_pktinfo))
					      + CMSG_SPACE(sizeof(uint16_t))];
	size_t control_len;
	bool addressed;
};

static void envelope_add(
	struct envelope *envelope, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(envelope->control + envelope->control_len);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	envelope->control_len += CMSG_SPACE(len);
}

static void envelope_init(struct envelope *envelope, const struct udp_path *path)
{
	struct in_pktinfo info;

	memset(envelope, 0, sizeof(*envelope));
	if (!path)
		return;
	info = (struct in_pktinfo){.ipi_ifindex = path->ifindex, .ipi_spec_dst = path->local};
	envelope->addressed = true;
	envelope->peer = sockaddr_of(path->peer);
	envelope_add(envelope, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

static struct msghdr envelope_message(struct envelope *envelope, struct iovec *iov, size_t n_iov)
{
	return (struct msghdr){
		.msg_name = envelope->addressed ? &envelope->peer : NULL,
		.msg_namelen = envelope->addressed ? sizeof(envelope->peer) : 0,
		.msg_iov = iov,
		.msg_iovlen = n_iov,
		.msg_control = envelope->control_len > 0 ? envelope->control : NULL,
		.msg_controllen = envelope->control_len,
	};
}

static struct iovec iovec_of(struct bytes part)
{
	return (struct iovec){.iov_base = (void *)(uintptr_t)part.data, .iov_len = part.len};
}

static int send_message(int fd, const struct msghdr *message)
{
	ssize_t len;

	do
		len = sendmsg(fd, message, 0);
	while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : 0;
}

int udp_socket_send(int fd, const struct udp_path *path, struct bytes payload)
{
	struct iovec iov = iovec_of(payload);
	struct envelope envelope;
	struct msghdr message;

	envelope_init(&envelope, path);
	message = envelope_message(&envelope, &iov, 1);
	return send_message(fd, &message);
}

static size_t packet_len(const struct udp_packet *packet)
{
	return packet->header.len + packet->payload.len;
}

/* How many of the packets one segmented datagram can carry: all but the last of one size. */
static size_t segments_of(const struct udp_packet *packets, size_t n_packets)
{
	size_t segment = packet_len(&packets[0]), total = segment, n = 1;

	while (n < n_packets && packet_len(&packets[n - 1]) == segment) {
		size_t len = packet_len(&packets[n]);

		if (len == 0 || len > segment || total + len > UDP_PAYLOAD_MAX)
			break;
		total += len;
		n++;
	}
	return n;
}

/* Sends `n_packets` as one datagram that the kernel, or the device, cuts. */
static int send_segmented(int fd, const struct udp_path *path, const struct udp_packet *packets,
	struct iovec *iov, size_t n_packets)
{
	uint16_t segment = (uint16_t)packet_len(&packets[0]);
	struct envelope envelope;
	struct msghdr message;

	envelope_init(&envelope, path);
	if (n_packets > 1)
		envelope_add(&envelope, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	message = envelope_message(&envelope, iov, 2 * n_packets);
	return send_message(fd, &message);
}

static int send_each(int fd, const struct udp_path *path, struct iovec *iov, size_t n_packets)
{
	struct mmsghdr messages[BURST_PACKETS_MAX];
	struct envelope envelope;
	size_t sent = 0;

	envelope_init(&envelope, path);
	for (size_t i = 0; i < n_packets; i++) {
		messages[i].msg_hdr = envelope_message(&envelope, &iov[2 * i], 2);
		messages[i].msg_len = 0;
	}
	while (sent < n_packets) {
		int n = sendmmsg(fd, messages + sent, (unsigned)(n_packets - sent), 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* No offload of checksums on the way out, a segment over the MTU, a kernel before 4.18. */
static bool segmentation_refused(int r)
{
	return r == -EIO || r == -EINVAL || r == -EOPNOTSUPP || r == -EMSGSIZE;
}

int udp_socket_burst(int fd, const struct udp_path *path, const struct udp_packet *packets,
	size_t n_packets, bool *gso)
{
	struct iovec iov[2 * BURST_PACKETS_MAX];

	while (n_packets > 0) {
		size_t n = n_packets < BURST_PACKETS_MAX ? n_packets : BURST_PACKETS_MAX;
		int r;

		if (*gso)
			n = segments_of(packets, n);
		for (size_t i = 0; i < n; i++) {
			iov[2 * i] = iovec_of(packets[i].header);
			iov[2 * i + 1] = iovec_of(packets[i].payload);
		}
		r = *gso ? send_segmented(fd, path, packets, iov, n) : send_each(fd, path, iov, n);
		if (*gso && n > 1 && segmentation_refused(r)) {
			*gso = false;
			continue;
		}
		if (r < 0)
			return r;
		packets += n;
		n_packets -= n;
	}
	return 0;
}
