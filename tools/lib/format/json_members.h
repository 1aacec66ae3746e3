// SPDX-License-Identifier: GPL-2.0-only
// Taking JSON objects apart that nobody vouches for.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/uuid.h"
#include "format/hex.h"

namespace remap::format {

// Throws Code::damaged; place: the file and where in it.
[[noreturn]] inline void reject(const std::string& place, const std::string& what) {
    throw Error{Code::damaged, place + ": " + what};
}

// The members of an object: each has to be there and to be of its type, and no
// other may be.
class Members {
public:
    Members(const Json& object, std::string place) : object_{object}, place_{std::move(place)} {
        if (!object.is_object())
            reject(place_, "is not an object");
    }

    [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }
    std::uint64_t number(const char* key, std::uint64_t max = UINT64_MAX) {
        const Json& value = get(key);
        if (!value.is_number_unsigned())
            reject(place(key), "is not a whole number");
        const auto number = value.get<std::uint64_t>();
        if (number > max)
            reject(place(key), "is too large");
        return number;
    }
    const std::string& text(const char* key) {
        const Json& value = get(key);
        if (!value.is_string())
            reject(place(key), "is not a string");
        return value.get_ref<const std::string&>();
    }
    bool flag(const char* key) {
        const Json& value = get(key);
        if (!value.is_boolean())
            reject(place(key), "is neither true nor false");
        return value.get<bool>();
    }
    const Json& array(const char* key) {
        const Json& value = get(key);
        if (!value.is_array())
            reject(place(key), "is not an array");
        return value;
    }
    std::vector<std::uint8_t> bytes(const char* key) {
        auto result = from_hex(text(key));
        if (!result)
            reject(place(key), "is not hexadecimal");
        return *result;
    }
    Uuid uuid(const char* key) {
        const auto result = Uuid::parse(text(key));
        if (!result)
            reject(place(key), "is not a UUID");
        return *result;
    }
    [[nodiscard]] std::string place(const char* key) const { return place_ + "/" + key; }
    // Call after all others.
    void end() const {
        if (object_.size() != used_)
            reject(place_, "has members that are not known");
    }

private:
    const Json& get(const char* key) {
        const auto found = object_.find(key);
        if (found == object_.end())
            reject(place_, std::string{"has no member '"} + key + "'");
        ++used_;
        return *found;
    }

    const Json& object_;
    std::string place_;
    std::size_t used_ = 0;
};

} // namespace remap::format
