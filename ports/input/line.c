// Input driver `line`: InfluxDB line protocol from sockets. Where there is no room for records no
// socket is read: a stream's sender then waits, and of datagrams the kernel keeps what it has room
// for and counts the rest, which is told.
//
// A datagram socket is one peer, whose buffer holds one datagram at a time; its end is a line's
// end.
#include "agent/clock.h"
#include "agent/log.h"
#include "agent/port.h"
#include "ports/input/line_protocol.h"
#include "ports/input/listen.h"
#include "ports/input/text_format.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    STREAM_LINE_MAX = 16384, // bytes of a line, and of a connection's buffer
    CONNECTIONS_MAX = 256,
    DATAGRAMS_A_TURN = 64,
    RETRY_MS = 5000,  // to bind an address that was not free
    QUIET_MS = 10000, // without a loss, the trouble is over
};

struct peer {
    int fd;       // -1: free
    bool passing; // inside a line that is too long
    bool ended;   // nothing more will come
    size_t start;
    size_t end;
    size_t limit;
    uint8_t *buffer;
    char name[LISTEN_PEER_SIZE];
};

struct line_input {
    struct listen_address address;
    int fd; // listening, or of datagrams; -1: not bound
    bool paused;
    bool troubled;
    struct text_format format;
    uint32_t dropped;      // the kernel's count, which may wrap
    int64_t dropped_at_ms; // when it last grew
    uint32_t peer_count;
    struct peer *peers;
    uint8_t *buffers;
};

static const struct option rows[] = {
    {"listen", OPTION_TEXT, NULL, true, 0, 0, NULL,
     "udp://HOST:PORT, tcp://HOST:PORT, unix:///PATH (a stream) or unixgram:///PATH; HOST is "
     "numeric, localhost or * for all"},
    {"key", OPTION_TEXT, "measurement", false, 0, 0, NULL,
     "the tag or field that becomes the record's key, or measurement"},
    {"time", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "a tag or field that is the record's time; default: the line's time stamp, and where it has "
     "none, the time at which it comes"},
    {"precision", OPTION_CHOICE, "ns", false, 0, 0, FIELDS_UNITS, "the unit of time stamps"},
    {"quality", OPTION_TEXT, NULL, false, 0, 0, NULL,
     "a tag or field that is the record's quality: good, uncertain, bad or 0 to 255"},
    {"fields", OPTION_MAP, NULL, false, 0, 0, NULL,
     "tag or field: property of the contract, where they differ"},
    {"connections", OPTION_INTEGER, "16", false, 1, CONNECTIONS_MAX, NULL,
     "most connections of a stream at once; each has a buffer of 16 KiB, which is its longest "
     "line"},
    {.key = NULL},
};

static struct fields_names names_of(const struct option_set *options)
{
    struct fields_names names = {
        .key = option_text(options, "key"),
        .time = option_text(options, "time"),
        .quality = option_text(options, "quality"),
        .unit = (enum fields_unit)option_choice(options, "precision"),
    };
    names.renames = option_pairs(options, "fields", &names.rename_count);
    return names;
}

static void line_check(const struct option_set *options, const struct schema *schema,
                       const char *file, struct problems *problems)
{
    struct listen_address address;
    const char *wanted;
    struct fields_names names = names_of(options);
    const char *listen = option_text(options, "listen");
    if (listen != NULL && !listen_parse(&address, listen, &wanted)) {
        problem_add(problems, file, option_line(options, "listen"), "listen",
                    "\"%s\" is no address; write %s", listen, wanted);
    }
    fields_check(&names, schema, file, option_line(options, "fields"), "fields", problems);
}

// ---- watching ----

static void watch_all(struct input *input, bool watch)
{
    struct line_input *line = input->state;
    uint32_t events = watch ? EPOLLIN : 0;
    if (line->fd >= 0) {
        (void)input_watch(input, line->fd, events);
    }
    for (uint32_t i = 0; i < line->peer_count; i++) {
        if (line->peers[i].fd >= 0 && line->peers[i].fd != line->fd) {
            (void)input_watch(input, line->peers[i].fd, events);
        }
    }
}

static void pause_all(struct input *input)
{
    struct line_input *line = input->state;
    if (!line->paused) {
        line->paused = true;
        watch_all(input, false);
    }
}

static void close_peer(struct input *input, struct peer *peer)
{
    const struct line_input *line = input->state;
    if (peer->fd >= 0 && peer->fd != line->fd) {
        (void)input_watch(input, peer->fd, 0);
        (void)close(peer->fd);
    }
    peer->fd = -1;
    peer->start = 0;
    peer->end = 0;
}

// ---- lines ----

static void refuse(struct input *input, const struct peer *peer, const char *sentence,
                   struct bytes text)
{
    char shown[64];
    while (text.size > 0 && text.at[text.size - 1] <= ' ') {
        text.size--;
    }
    input_refuse(input, "from %s: %s, in \"%s\"", peer->name, sentence, fields_shown(text, shown));
}

// Bytes of the next line; 0: not whole yet. A line over the limit is told once and passed over.
static size_t next_line(struct input *input, struct peer *peer)
{
    const struct line_input *line = input->state;
    struct bytes rest = bytes_from(peer->buffer + peer->start, peer->end - peer->start);
    size_t size = text_line_size(&line->format, rest);
    if (size == 0 && (!line->address.stream || peer->ended)) {
        return rest.size;
    }
    if (size == 0 && rest.size == peer->limit) {
        if (!peer->passing) {
            refuse(input, peer, "the line has more than 16384 bytes; it is passed over", rest);
        }
        peer->passing = true;
        peer->start = peer->end;
    }
    return size;
}

// Hand over what is whole in the buffer. False: no room.
static bool hand_over(struct input *input, struct peer *peer)
{
    struct line_input *line = input->state;
    size_t size;
    while (peer->start < peer->end && (size = next_line(input, peer)) > 0) {
        struct bytes text = bytes_from(peer->buffer + peer->start, size);
        if (!peer->passing && !text_line_is_empty(&line->format, text)) {
            if (!input_room(input)) {
                return false;
            }
            const struct record *record = text_line_read(&line->format, text);
            if (record == NULL) {
                refuse(input, peer, fields_sentence(line->format.fields), text);
            } else if (input_record(input, record) == ERR_AGAIN) {
                return false;
            }
        }
        peer->passing = false;
        peer->start += size;
    }
    return true;
}

// Hand over; without room, stop reading everywhere. False: stopped.
static bool serve(struct input *input, struct peer *peer)
{
    if (!hand_over(input, peer)) {
        pause_all(input);
        return false;
    }
    if (peer->ended) {
        close_peer(input, peer);
    }
    return true;
}

// ---- streams ----

static void accept_peer(struct input *input)
{
    struct line_input *line = input->state;
    const int on = 1;
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof from;
    struct peer *peer = line->peers;
    int fd = accept4(line->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    while (peer < line->peers + line->peer_count && peer->fd >= 0) {
        peer++;
    }
    if (peer == line->peers + line->peer_count) {
        char name[LISTEN_PEER_SIZE];
        listen_peer(fd, &from, name);
        input_refuse(input, "the connection of %s was closed: there are %u already (connections)",
                     name, line->peer_count);
        (void)close(fd);
        return;
    }
    if (!line->address.local) {
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); // a dead peer goes away
    }
    peer->fd = fd;
    peer->passing = false;
    peer->ended = false;
    listen_peer(fd, &from, peer->name);
    (void)input_watch(input, fd, EPOLLIN);
}

static void read_stream(struct input *input, struct peer *peer)
{
    memmove(peer->buffer, peer->buffer + peer->start, peer->end - peer->start);
    peer->end -= peer->start;
    peer->start = 0;
    ssize_t got = recv(peer->fd, peer->buffer + peer->end, peer->limit - peer->end, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got < 0) {
        log_info("line.closed", "input=%s peer=\"%s\" reason=\"%s\"", input->name, peer->name,
                 strerror(errno));
    }
    peer->ended = got <= 0;
    peer->end += got > 0 ? (size_t)got : 0;
    (void)serve(input, peer);
}

// ---- datagrams ----

// What the kernel threw away since the last datagram; its count comes with each.
static void see_dropped(struct input *input, struct msghdr *message)
{
    struct line_input *line = input->state;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        uint32_t dropped;
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SO_RXQ_OVFL) {
            continue;
        }
        memcpy(&dropped, CMSG_DATA(header), sizeof dropped);
        if (dropped != line->dropped) {
            input_missed(input, dropped - line->dropped);
            input_trouble(input, PORT_DEGRADED,
                          "%s: %u datagrams were lost: they came faster than they could be stored; "
                          "use tcp:// or unix://, whose senders wait, or send less",
                          line->address.text, dropped - line->dropped);
            line->troubled = true;
            line->dropped_at_ms = clock_boot_ms();
            input_due_in(input, QUIET_MS);
        }
        line->dropped = dropped;
    }
}

// One datagram into the peer's empty buffer. False: none is there.
static bool receive(struct input *input, struct peer *peer)
{
    struct sockaddr_storage from = {0};
    struct iovec part = {.iov_base = peer->buffer, .iov_len = peer->limit};
    union {
        char bytes[CMSG_SPACE(sizeof(uint32_t))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(peer->fd, &message, 0);
    if (got < 0) {
        return false;
    }
    peer->start = 0;
    peer->end = (size_t)got;
    listen_peer(peer->fd, &from, peer->name);
    see_dropped(input, &message);
    return true;
}

static void read_datagrams(struct input *input, struct peer *peer)
{
    for (int i = 0; i < DATAGRAMS_A_TURN && receive(input, peer); i++) {
        if (!serve(input, peer)) {
            return;
        }
    }
}

// ---- the driver ----

static void bind_address(struct input *input)
{
    struct line_input *line = input->state;
    line->fd = listen_open(&line->address);
    if (line->fd < 0) {
        input_trouble(input, PORT_DOWN, "%s: %s; it is tried again every 5 s", line->address.text,
                      listen_sentence(&line->address, errno));
        line->troubled = true;
        input_due_in(input, RETRY_MS);
        return;
    }
    if (line->troubled) {
        line->troubled = false;
        input_well(input);
    }
    if (!line->address.stream) {
        line->peers[0].fd = line->fd;
    }
    (void)input_watch(input, line->fd, EPOLLIN);
}

static bool take_memory(struct input *input, struct line_input *line)
{
    struct fields_names names = names_of(input->options);
    bool stream = line->address.stream;
    size_t limit = stream ? STREAM_LINE_MAX : FIELDS_LINE_MAX;
    line->peer_count = stream ? (uint32_t)option_integer(input->options, "connections") : 1;
    line->peers = calloc(line->peer_count, sizeof *line->peers);
    line->buffers = malloc(line->peer_count * limit);
    line->format.kind = TEXT_LINE_PROTOCOL;
    line->format.fields = fields_open(input->name, input->schema, &names);
    if (line->peers == NULL || line->buffers == NULL || line->format.fields == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < line->peer_count; i++) {
        line->peers[i].fd = -1;
        line->peers[i].limit = limit;
        line->peers[i].buffer = line->buffers + i * limit;
    }
    fields_expect(line->format.fields, "measurement");
    return true;
}

static void line_close(struct input *input)
{
    struct line_input *line = input->state;
    for (uint32_t i = 0; line->peers != NULL && i < line->peer_count; i++) {
        close_peer(input, &line->peers[i]);
    }
    if (line->fd >= 0) {
        (void)input_watch(input, line->fd, 0);
        listen_close(&line->address, line->fd);
    }
    fields_close(line->format.fields);
    free(line->buffers);
    free(line->peers);
    free(line);
    input->state = NULL;
}

static enum err line_open(struct input *input)
{
    const char *wanted;
    struct line_input *line = calloc(1, sizeof *line);
    if (line == NULL) {
        return ERR_FAILED;
    }
    input->state = line;
    line->fd = -1;
    bool parsed = listen_parse(&line->address, option_text(input->options, "listen"), &wanted);
    assert(parsed); // line_check has said so
    if (!take_memory(input, line)) {
        log_error("input.memory", "input=%s", input->name);
        line_close(input);
        return ERR_FAILED;
    }
    bind_address(input);
    return OK;
}

static void line_ready(struct input *input, int fd, uint32_t events)
{
    struct line_input *line = input->state;
    (void)events;
    if (fd == line->fd && line->address.stream) {
        accept_peer(input);
        return;
    }
    for (uint32_t i = 0; i < line->peer_count; i++) {
        if (line->peers[i].fd == fd) {
            if (line->address.stream) {
                read_stream(input, &line->peers[i]);
            } else {
                read_datagrams(input, &line->peers[i]);
            }
            return;
        }
    }
}

static void line_due(struct input *input)
{
    struct line_input *line = input->state;
    if (line->fd < 0) {
        bind_address(input);
        return;
    }
    int64_t quiet = clock_boot_ms() - line->dropped_at_ms;
    if (line->troubled && quiet >= QUIET_MS) {
        line->troubled = false;
        input_well(input);
    } else if (line->troubled) {
        input_due_in(input, QUIET_MS - quiet);
    }
}

static void line_resume(struct input *input)
{
    struct line_input *line = input->state;
    if (!line->paused) {
        return;
    }
    for (uint32_t i = 0; i < line->peer_count; i++) {
        if (line->peers[i].fd >= 0 && !serve(input, &line->peers[i])) {
            return; // paused as before
        }
    }
    line->paused = false;
    watch_all(input, true);
}

extern const struct input_driver line_driver;
const struct input_driver line_driver = {
    .name = "line",
    .help = "InfluxDB line protocol over UDP, TCP and Unix sockets",
    .options = rows,
    .check = line_check,
    .open = line_open,
    .ready = line_ready,
    .due = line_due,
    .resume = line_resume,
    .close = line_close,
};
