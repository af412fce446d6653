// Reads the generated telemetry with simdjson's on-demand parser and takes from each record the fields that the question
// needs, and nothing else: no join, no judgement. Its speed is the limit (1.0) that all others are compared with.
//
// usage: simdjson_limit FILE [line|many]
// `line`: one document is indexed at a time. `many`: simdjson's document stream, 1 MB of lines at a time.
// Prints one JSON object: records, bytes, seconds, fields (how many were found) and sum (of their lengths, so that
// nothing can be optimised away). One thread. The file is read in blocks, so memory does not grow with it.
#include <simdjson.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using namespace simdjson;

namespace {

constexpr size_t BLOCK = 32u << 20;
constexpr size_t BATCH = 1u << 20;

struct Totals {
    uint64_t records = 0, fields = 0, sum = 0, unknown = 0, failed = 0;
};
Totals totals;

template <typename Value> void take(Value &&value) {
    std::string_view text;
    if (!value.get_string().get(text)) {
        ++totals.fields;
        totals.sum += text.size();
    }
}

template <typename Value> void take_number(Value &&value) {
    int64_t number;
    if (!value.get_int64().get(number)) {
        ++totals.fields;
        totals.sum += static_cast<uint64_t>(number) & 0xff;
    }
}

// Objects are walked once in their own order, so that order never costs a second look.
template <typename Each> void walk(ondemand::object object, Each each) {
    for (auto member : object) {
        std::string_view key;
        if (member.unescaped_key().get(key)) return;
        each(key, member.value());
    }
}

template <typename Value, typename Each> void walk_value(Value &&value, Each each) {
    ondemand::object object;
    if (!value.get_object().get(object)) walk(object, each);
}

void tetragon_process(ondemand::object process) {
    walk(process, [](std::string_view key, auto value) {
        if (key == "binary" || key == "arguments" || key == "docker") {
            take(value);
        } else if (key == "pod") {
            walk_value(value, [](std::string_view in_pod, auto inner) {
                if (in_pod != "container") return;
                walk_value(inner, [](std::string_view in_container, auto innermost) {
                    if (in_container == "id") take(innermost);
                });
            });
        }
    });
}

void tetragon_event(ondemand::object event) {
    walk(event, [](std::string_view key, auto value) {
        if (key == "process") {
            ondemand::object process;
            if (!value.get_object().get(process)) tetragon_process(process);
        } else if (key == "args") {
            ondemand::array args;
            if (value.get_array().get(args)) return;
            for (auto argument : args) {
                walk_value(argument, [](std::string_view kind, auto sock) {
                    if (kind != "sock_arg") return;
                    walk_value(sock, [](std::string_view field, auto inner) {
                        if (field == "daddr") take(inner);
                        else if (field == "dport") take_number(inner);
                    });
                });
            }
        }
    });
}

void hubble_endpoint(ondemand::object endpoint) {
    walk(endpoint, [](std::string_view key, auto value) {
        if (key == "namespace" || key == "pod_name") take(value);
    });
}

void hubble_flow(ondemand::object flow) {
    walk(flow, [](std::string_view key, auto value) {
        if (key == "time" || key == "verdict" || key == "node_name" || key == "traffic_direction") {
            take(value);
        } else if (key == "IP") {
            walk_value(value, [](std::string_view field, auto inner) {
                if (field == "source" || field == "destination") take(inner);
            });
        } else if (key == "l4") {
            walk_value(value, [](std::string_view, auto protocol) {
                walk_value(protocol, [](std::string_view field, auto inner) {
                    if (field == "destination_port") take_number(inner);
                });
            });
        } else if (key == "source" || key == "destination") {
            ondemand::object endpoint;
            if (!value.get_object().get(endpoint)) hubble_endpoint(endpoint);
        }
    });
}

void falco_fields(ondemand::object fields) {
    walk(fields, [](std::string_view key, auto value) {
        if (key == "container.id" || key == "container.image.repository" || key == "evt.type" || key == "fd.name" ||
            key == "proc.cmdline" || key == "proc.exepath" || key == "proc.name") {
            take(value);
        }
    });
}

void container_statuses(ondemand::object status) {
    walk(status, [](std::string_view key, auto value) {
        if (key == "podIP") {
            take(value);
        } else if (key == "containerStatuses") {
            ondemand::array statuses;
            if (value.get_array().get(statuses)) return;
            for (auto entry : statuses) {
                walk_value(entry, [](std::string_view field, auto inner) {
                    if (field == "containerID" || field == "imageID") take(inner);
                });
            }
        }
    });
}

void pod_object(ondemand::object pod) {
    walk(pod, [](std::string_view key, auto value) {
        if (key == "metadata") {
            walk_value(value, [](std::string_view field, auto inner) {
                if (field == "name" || field == "namespace" || field == "uid") take(inner);
            });
        } else if (key == "spec") {
            walk_value(value, [](std::string_view field, auto inner) {
                if (field == "nodeName") {
                    take(inner);
                } else if (field == "containers") {
                    ondemand::array containers;
                    if (inner.get_array().get(containers)) return;
                    for (auto container : containers) {
                        walk_value(container, [](std::string_view in_container, auto innermost) {
                            if (in_container == "name" || in_container == "image") take(innermost);
                        });
                    }
                }
            });
        } else if (key == "status") {
            ondemand::object status;
            if (!value.get_object().get(status)) container_statuses(status);
        }
    });
}

void audit_member(std::string_view key, ondemand::value value) {
    if (key == "verb" || key == "stage" || key == "requestReceivedTimestamp") {
        take(value);
    } else if (key == "user") {
        walk_value(value, [](std::string_view field, auto inner) {
            if (field == "username") take(inner);
        });
    } else if (key == "objectRef") {
        walk_value(value, [](std::string_view field, auto inner) {
            if (field == "resource" || field == "namespace" || field == "name" || field == "subresource") take(inner);
        });
    } else if (key == "requestObject" || key == "responseObject") {
        ondemand::object pod;
        if (!value.get_object().get(pod)) pod_object(pod);
    }
}

void laurel_member(std::string_view key, ondemand::value value) {
    if (key == "ID" || key == "NODE") {
        take(value);
    } else if (key == "SYSCALL") {
        walk_value(value, [](std::string_view field, auto inner) {
            if (field == "exe" || field == "SYSCALL" || field == "success") take(inner);
            else if (field == "pid") take_number(inner);
        });
    } else if (key == "EXECVE") {
        walk_value(value, [](std::string_view field, auto inner) {
            ondemand::array words;
            if (field != "ARGV" || inner.get_array().get(words)) return;
            for (auto word : words) take(word);
        });
    } else if (key == "SOCKADDR") {
        ondemand::array addresses;
        if (value.get_array().get(addresses)) return;
        for (auto address : addresses) {
            walk_value(address, [](std::string_view, auto socket) {
                walk_value(socket, [](std::string_view field, auto inner) {
                    if (field == "addr") take(inner);
                    else if (field == "port") take_number(inner);
                });
            });
        }
    } else if (key == "CONTAINER_INFO") {
        walk_value(value, [](std::string_view field, auto inner) {
            if (field == "ID") take(inner);
        });
    }
}

void docker_actor(ondemand::object actor) {
    walk(actor, [](std::string_view key, auto value) {
        if (key == "ID") {
            take(value);
        } else if (key == "Attributes") {
            walk_value(value, [](std::string_view field, auto inner) {
                if (field == "image" || field == "name") take(inner);
            });
        }
    });
}

void containerd_event(ondemand::object event) {
    walk(event, [](std::string_view key, auto value) {
        if (key == "id" || key == "container_id" || key == "image" || key == "name" || key == "parent") take(value);
        else if (key == "pid") take_number(value);
    });
}

// What a collector carried: Docker's and containerd's events, inspect output, journal lines.
void collected_member(std::string_view key, ondemand::value value) {
    if (key == "Type" || key == "Action" || key == "topic" || key == "timestamp" || key == "namespace" || key == "Id" ||
        key == "Created" || key == "Image" || key == "Name") {
        take(value);
    } else if (key == "timeNano") {
        take_number(value);
    } else if (key == "Actor") {
        ondemand::object actor;
        if (!value.get_object().get(actor)) docker_actor(actor);
    } else if (key == "event") {
        ondemand::object event;
        if (!value.get_object().get(event)) containerd_event(event);
    } else if (key == "Config" || key == "State") {
        walk_value(value, [](std::string_view field, auto inner) {
            if (field == "Image" || field == "StartedAt") take(inner);
        });
    } else if (key == "status") {
        walk_value(value, [](std::string_view field, auto inner) {
            if (field == "id" || field == "imageRef" || field == "imageId" || field == "createdAt" || field == "startedAt") {
                take(inner);
            } else if (field == "labels") {
                walk_value(inner, [](std::string_view, auto label) { take(label); });
            }
        });
    }
}

ondemand::parser inner_parser;
std::vector<char> inner_buffer;

void collected(std::string_view message) {
    if (message.empty() || message[0] != '{') {
        totals.sum += message.size();  // a journal line: text
        return;
    }
    if (inner_buffer.size() < message.size() + SIMDJSON_PADDING) inner_buffer.resize(2 * message.size() + SIMDJSON_PADDING);
    std::memcpy(inner_buffer.data(), message.data(), message.size());
    ondemand::document document;
    ondemand::object object;
    if (inner_parser.iterate(inner_buffer.data(), message.size(), inner_buffer.size()).get(document) ||
        document.get_object().get(object)) {
        ++totals.failed;
        return;
    }
    walk(object, [](std::string_view key, auto value) {
        ondemand::value plain;
        if (!std::move(value).get(plain)) collected_member(key, plain);
    });
}

void member(std::string_view first, std::string_view key, ondemand::value value) {
    if (first == "process_exec" || first == "process_exit" || first == "process_kprobe") {
        ondemand::object event;
        if (key == "time" || key == "node_name") take(value);
        else if (key == first && !value.get_object().get(event)) tetragon_event(event);
    } else if (first == "flow") {
        ondemand::object flow;
        if (key == "flow" && !value.get_object().get(flow)) hubble_flow(flow);
    } else if (first == "hostname") {
        ondemand::object fields;
        if (key == "hostname" || key == "rule" || key == "time") take(value);
        else if (key == "output_fields" && !value.get_object().get(fields)) falco_fields(fields);
    } else if (first == "ID") {
        laurel_member(key, value);
    } else if (first == "host") {
        std::string_view message;
        if (key == "host") take(value);
        else if (key == "message" && !value.get_string().get(message)) collected(message);
    } else if (first == "kind") {
        audit_member(key, value);
    } else if (first == "apiVersion") {
        if (key == "metadata" || key == "spec" || key == "status") {
            if (key == "status") {
                ondemand::object status;
                if (!value.get_object().get(status)) container_statuses(status);
            } else {
                walk_value(value, [](std::string_view field, auto inner) {
                    if (field == "name" || field == "namespace" || field == "uid" || field == "nodeName") take(inner);
                });
            }
        }
    } else {
        ++totals.unknown;
    }
}

template <typename Document> void record(Document &&document) {
    ++totals.records;
    ondemand::object object;
    if (document.get_object().get(object)) {
        ++totals.failed;
        return;
    }
    std::string_view first;
    for (auto entry : object) {
        std::string_view key;
        ondemand::value value;
        if (entry.unescaped_key().get(key) || entry.value().get(value)) {
            ++totals.failed;
            return;
        }
        if (first.empty()) first = key;
        member(first, key, value);
    }
}

}  // namespace

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "usage: simdjson_limit FILE [line|many]\n");
        return 2;
    }
    const bool many = argc == 3 && std::string_view(argv[2]) == "many";
    std::FILE *file = std::fopen(argv[1], "rb");
    if (file == nullptr) {
        std::perror(argv[1]);
        return 2;
    }
    std::setvbuf(file, nullptr, _IONBF, 0);
    std::vector<char> buffer(BLOCK + SIMDJSON_PADDING);
    ondemand::parser parser;
    size_t held = 0;
    uint64_t bytes = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
        const size_t got = std::fread(buffer.data() + held, 1, BLOCK - held, file);
        bytes += got;
        size_t size = held + got;
        if (size == 0) break;
        const char *last = static_cast<const char *>(memrchr(buffer.data(), '\n', size));
        size_t whole = last == nullptr ? (got == 0 ? size : 0) : static_cast<size_t>(last - buffer.data()) + 1;
        if (whole == 0 && got != 0) {
            std::fprintf(stderr, "a line is longer than %zu bytes\n", BLOCK);
            return 2;
        }
        if (many) {
            ondemand::document_stream stream;
            if (parser.iterate_many(buffer.data(), whole, BATCH).get(stream)) return 2;
            for (auto document : stream) record(document);
        } else {
            for (size_t at = 0; at < whole;) {
                const char *end = static_cast<const char *>(std::memchr(buffer.data() + at, '\n', whole - at));
                const size_t length = (end == nullptr ? buffer.data() + whole : end) - (buffer.data() + at);
                ondemand::document document;
                if (parser.iterate(buffer.data() + at, length, buffer.size() - at).get(document)) ++totals.failed;
                else record(document);
                at += length + 1;
            }
        }
        held = size - whole;
        std::memmove(buffer.data(), buffer.data() + whole, held);
        if (got == 0) break;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fclose(file);
    std::printf("{\"records\":%lu,\"bytes\":%lu,\"seconds\":%.6f,\"fields\":%lu,\"sum\":%lu,\"unknown\":%lu,\"failed\":%lu,"
                "\"implementation\":\"%s\"}\n",
                totals.records, bytes, seconds, totals.fields, totals.sum, totals.unknown, totals.failed,
                std::string(get_active_implementation()->name()).c_str());
    return totals.failed == 0 ? 0 : 1;
}
