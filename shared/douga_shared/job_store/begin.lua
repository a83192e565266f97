-- ARGV: seconds to live, call, seal, then the indexes.
-- Returns the job's state and each frame's attempt, 0 for what is settled; nothing for an unknown job.

local job = redis.call('HMGET', JOB, 'total', 'seal', 'state', 'failed', 'began_at')
local total = tonumber(job[1] or nil)
if not total or job[2] ~= ARGV[3] then
    return false
end
for i = 4, #ARGV do
    if not is_recorded(ARGV[i], total) then
        return false
    end
end
local answer = {job[3]}
if job[3] ~= 'running' then
    return answer
end
renew(ARGV[1])
local has_failed = tonumber(job[4]) > 0
local mark = ' ' .. ARGV[2]
for i = 4, #ARGV do
    local index = ARGV[i]
    local number = 0
    if redis.call('GETBIT', DONE, index) == 0
            and not (has_failed and redis.call('GETBIT', FAILED, index) == 1) then
        local attempt = redis.call('HGET', ATTEMPTS, index)
        number = number_of(attempt)
        if number < 0 then
            redis.call('HINCRBY', JOB, 'resting', -1)
            number = -number
        end
        if not (attempt and string.sub(attempt, -#mark) == mark) then
            number = number + 1
            redis.call('HSET', ATTEMPTS, index, number .. mark)
        end
    end
    answer[#answer + 1] = number
end
if not job[5] then
    redis.call('HSET', JOB, 'began_at', now())
end
-- It may not have been there before.
redis.call('EXPIRE', ATTEMPTS, ARGV[1])
return answer
