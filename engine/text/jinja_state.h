#pragma once
// RenderState: what one render may use up (steps, memory, depth) and how it failed.
//
// The error is sticky: the first one stays, every later step is refused, so that code may check
// once at the end of an operation instead of after every call. Templates come with model files and
// are untrusted: each loop, copy and allocation is paid for here.

#include "engine/status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace engine::jinja {

constexpr std::size_t kMaxSteps = 4'000'000;       // about 0.3 s
constexpr std::size_t kMaxMemory = 24U << 20;      // bytes of live values, beside the input
constexpr std::size_t kMaxOutput = 8U << 20;       // bytes of the finished prompt
constexpr int kMaxDepth = 100;                     // nested blocks, expressions, macro calls
constexpr int kMaxEvaluationDepth = 4 * kMaxDepth; // C++ frames of one render
constexpr int kMaxValueDepth = 64;                 // lists in lists
constexpr std::size_t kMaxSource = 256U << 10;     // bytes of a template
constexpr int kMaxNodes = 50'000;                  // of a parsed template
constexpr std::int64_t kMaxRange = 100'000;        // as jinja2's sandbox
constexpr std::size_t kBytesPerStep = 64;          // copying or scanning this much is a step

class RenderState;

/// Memory held by a value; gives it back when the value dies.
class Charge {
  public:
    Charge() = default;
    Charge(RenderState* state, std::size_t bytes);
    Charge(Charge&& other) noexcept;
    Charge& operator=(Charge&& other) noexcept;
    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;
    ~Charge();

  private:
    RenderState* m_state = nullptr;
    std::size_t m_bytes = 0;
};

class RenderState {
  public:
    /// inputBytes: size of the conversation, allowed beside kMaxMemory a few times over.
    explicit RenderState(std::size_t inputBytes) : m_memoryLimit(kMaxMemory + 4 * inputBytes) {}

    bool failed() const { return !m_status.ok(); }
    const Status& status() const { return m_status; }
    /// Stops the render: `detail` without a full stop, the current line is added.
    void fail(std::string detail);
    void refuse(std::string message);

    void atLine(int line) { m_line = line; }
    int line() const { return m_line; }

    /// Pays for work; false (and failed) when the render has used up its steps.
    bool spend(std::size_t steps = 1);
    bool spendBytes(std::size_t bytes) { return spend(1 + bytes / kBytesPerStep); }
    /// True when so many more bytes may be held; asked before something large is built.
    bool reserve(std::size_t bytes);
    bool enter();
    void leave() { --m_depth; }

    void exceed(const char* what, std::size_t limit);

  private:
    friend class Charge;

    Status m_status;
    std::size_t m_memoryLimit;
    std::size_t m_memory = 0;
    std::size_t m_steps = 0;
    int m_depth = 0;
    int m_line = 1;
};

/// One level of evaluation for the life of the object.
class Level {
  public:
    explicit Level(RenderState& state) : m_state(state), m_entered(state.enter()) {}
    ~Level() { m_state.leave(); }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    explicit operator bool() const { return m_entered; }

  private:
    RenderState& m_state;
    bool m_entered;
};

} // namespace engine::jinja
