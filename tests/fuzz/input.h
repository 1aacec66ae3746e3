// SPDX-License-Identifier: GPL-2.0-only
// The fuzzer's bytes, taken one after the other; zeros when they are used up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : at_(data), left_(size) {}

    template <class T>
    T take() {
        T value{};
        take(&value, sizeof(value));
        return value;
    }

    void take(void* to, std::size_t size) {
        const std::size_t n = size < left_ ? size : left_;
        if (n)
            std::memcpy(to, at_, n);
        at_ += n;
        left_ -= n;
    }

    [[nodiscard]] bool empty() const { return left_ == 0; }

private:
    const std::uint8_t* at_;
    std::size_t left_;
};

// A property that must hold for every input.
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);           \
            std::abort();                                                                          \
        }                                                                                          \
    } while (0)
