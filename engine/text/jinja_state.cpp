#include "engine/text/jinja_state.h"

#include <utility>

namespace engine::jinja {

Charge::Charge(RenderState* state, std::size_t bytes) : m_state(state), m_bytes(bytes) {
    m_state->m_memory += bytes;
}

Charge::Charge(Charge&& other) noexcept
    : m_state(std::exchange(other.m_state, nullptr)), m_bytes(std::exchange(other.m_bytes, 0)) {}

Charge& Charge::operator=(Charge&& other) noexcept {
    std::swap(m_state, other.m_state);
    std::swap(m_bytes, other.m_bytes);
    return *this;
}

Charge::~Charge() {
    if (m_state != nullptr)
        m_state->m_memory -= m_bytes;
}

void RenderState::fail(std::string detail) {
    if (m_status.ok())
        m_status = Status(Code::TemplateFailed,
                          {{"line", std::to_string(m_line)}, {"detail", std::move(detail)}});
}

void RenderState::refuse(std::string message) {
    if (m_status.ok())
        m_status = Status(Code::TemplateRefused, {{"detail", std::move(message)}});
}

void RenderState::exceed(const char* what, std::size_t limit) {
    if (m_status.ok())
        m_status = Status(
            Code::TemplateExceeds,
            {{"line", std::to_string(m_line)}, {"what", what}, {"limit", std::to_string(limit)}});
}

bool RenderState::spend(std::size_t steps) {
    m_steps += steps;
    if (m_steps > kMaxSteps)
        exceed("steps", kMaxSteps);
    return m_status.ok();
}

bool RenderState::reserve(std::size_t bytes) {
    if (bytes > m_memoryLimit || m_memory > m_memoryLimit - bytes)
        exceed("bytes of memory", m_memoryLimit);
    return m_status.ok();
}

bool RenderState::enter() {
    if (++m_depth > kMaxEvaluationDepth)
        exceed("nested levels", static_cast<std::size_t>(kMaxEvaluationDepth));
    return spend();
}

} // namespace engine::jinja
