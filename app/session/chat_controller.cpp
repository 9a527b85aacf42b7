#include "app/session/chat_controller.h"

namespace app {

ChatController::ChatController(QObject* parent) : QObject(parent) {}

ChatController::~ChatController() = default;

} // namespace app
