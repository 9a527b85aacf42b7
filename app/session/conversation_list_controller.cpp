#include "app/session/conversation_list_controller.h"

namespace app {

ConversationListController::ConversationListController(QObject* parent) : QObject(parent) {}

ConversationListController::~ConversationListController() = default;

} // namespace app
